import { FORMAT_PATHS } from '../../contract/formats.ts';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { isWrapRequested, wrapAnnotation } from '../annotations/selections.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { FetchSpec } from './fetch-spec.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** The shell's name in its error messages. It also marks a wrapped container. */
export const WRAPPER_NAME = 'envtier-wrap';

/**
 * The words before the command of a wrapped container. The shell gets the container's own command and
 * arguments as parameters, so it never parses them. `exec` replaces the shell, so the program is the first
 * process and gets the signals. The kubelet does not change "$@", and it expands $(NAME) in the following
 * words as before.
 *
 * @param path where the container sees its files; `parsePath` admits no character that is special in a shell
 */
export function wrapper(path: string): readonly string[] {
	return ['sh', '-c', `. ${path}/${FORMAT_PATHS.shell} && exec "$@"`, WRAPPER_NAME];
}

/** Whether a command contains the wrapper of that path, also behind other words. */
export function isWrapped(command: readonly string[], path: string): boolean {
	const words = wrapper(path);
	return command.some((_, at) => words.every((word, i) => command[at + i] === word));
}

/** Number of words of a wrapper. */
export const WRAPPER_LENGTH = 4;

const SCRIPT = /^\. \/[^\s;|&$`]* && exec "\$@"$/;

/** The positions of all wrappers in a command, for any path. */
export function wrappersIn(command: readonly string[]): readonly number[] {
	return command.flatMap((word, i) => {
		const at = i - (WRAPPER_LENGTH - 1);
		if (word !== WRAPPER_NAME || at < 0) return [];
		const [shell, option, script = ''] = command.slice(at, i);
		return shell === 'sh' && option === '-c' && SCRIPT.test(script) ? [at] : [];
	});
}

/** Why one of the containers cannot be wrapped. */
export function wrapProblem(
	readers: readonly ContainerFacts[],
	options: PodOptions,
	{ formats }: FetchSpec,
): Rejection | undefined {
	const annotation = wrapAnnotation(options);
	if (annotation === undefined) return undefined;
	if (!formats.includes('shell'))
		return reject(
			'cannot-wrap',
			`annotation ${ANNOTATION_PREFIX}${annotation} needs a file that a shell sources, but ${ANNOTATION_PREFIX}format does not name "shell": add it`,
		);
	const bare = readers.find(
		({ name, command }) => isWrapRequested(name, options) && (command === undefined || command.length === 0),
	);
	if (bare === undefined) return undefined;
	return reject(
		'cannot-wrap',
		`container ${quoted(bare.name)} is to be wrapped but has no command, and the entry point of its image cannot be seen from here: write the command into the pod, or leave the container out with ${ANNOTATION_PREFIX}wrap.${bare.name} "false"`,
	);
}
