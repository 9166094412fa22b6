import { codeEffectOf } from '../../contract/code-variables.ts';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import type { ContainerFacts } from '../pod/container.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

/** A native environment variable of a container, and the key of its secret. */
export interface NativeVariable {
	readonly name: string;
	readonly key: string;
}

/**
 * Whether the cluster supports native variables (`fileKeyRef`: Kubernetes 1.35, feature gate EnvFiles). An
 * older API server drops the field silently, so the webhook must not add it there. The error says why not.
 */
export type NativeEnvSupport = Result<true>;

/** The API server's version, from `GET /version`. */
export interface ServerVersion {
	readonly major: string;
	/** Some distributions append a "+". */
	readonly minor: string;
}

/** Since Kubernetes 1.35 the feature gate EnvFiles is on by default (KEP-3721). */
const FIRST_MINOR = 35;

/** Whether a server of this version supports native environment variables. */
export function nativeEnvOf({ major, minor }: ServerVersion): NativeEnvSupport {
	const number = Number.parseInt(minor, 10);
	if (Number(major) > 1 || number >= FIRST_MINOR) return ok(true);
	return err(
		`this API server is Kubernetes ${Number(major)}.${Number.isNaN(number) ? '?' : number} and would drop them: they need 1.${FIRST_MINOR}; source the file instead`,
	);
}

/** The longest key that the API server takes in a `fileKeyRef`. */
const MAX_KEY_LENGTH = 128;

/** Takes a comma-separated list of `KEY` or `VARIABLE=KEY`. */
export function parseNativeEnv(text: string): Result<readonly NativeVariable[]> {
	const variables = text.split(',').map((part): NativeVariable => {
		const [name = '', key = name, ...rest] = part.split('=').map((side) => side.trim());
		return rest.length > 0 ? { name: '', key: '' } : { name, key };
	});
	if (variables.some(({ name, key }) => !isKey(name) || !isKey(key)))
		return err(`a comma-separated list of KEY or VARIABLE=KEY, each side ${KEY_RULE}`);
	if (variables.some(({ key }) => key.length > MAX_KEY_LENGTH))
		return err(
			`a comma-separated list of KEY or VARIABLE=KEY, each key of at most ${MAX_KEY_LENGTH} characters`,
		);
	if (new Set(variables.map(({ name }) => name)).size !== variables.length)
		return err('a comma-separated list of KEY or VARIABLE=KEY, each variable named once');
	return ok(variables);
}

/**
 * Refuses native variables that make programs run code, unless the pod allows them. Their names are in the
 * pod, so this is checked at its creation. Only the fetcher sees the names in files.
 */
export function codeVariableProblem({
	variables,
	allow,
}: {
	readonly variables: readonly NativeVariable[];
	readonly allow: readonly string[];
}): Rejection | undefined {
	const found = variables.find(({ name }) => codeEffectOf(name) !== undefined && !allow.includes(name));
	if (found === undefined) return undefined;
	const { name, key } = found;
	return reject(
		'code-variable',
		`annotation ${ANNOTATION_PREFIX}env asks for the variable ${quoted(name)}, which ${codeEffectOf(name)}: whoever may write the secret ${quoted(key)} would run code in this pod. If that is meant, set ${ANNOTATION_PREFIX}allow to ${quoted([...allow, name].join(','))}`,
	);
}

/** Why native variables are not available here, or not for these containers. */
export function nativeEnvProblem(
	variables: readonly NativeVariable[],
	support: NativeEnvSupport,
	readers: readonly ContainerFacts[],
): Rejection | undefined {
	if (variables.length === 0) return undefined;
	const annotation = `annotation ${ANNOTATION_PREFIX}env`;
	if (!support.ok)
		return reject(
			'native-env-unavailable',
			`${annotation} asks for native environment variables, but ${support.error}`,
		);
	const names = new Set(variables.map(({ name }) => name));
	for (const container of readers) {
		const taken = container.env?.find((name) => names.has(name));
		if (taken !== undefined)
			return reject(
				'variable-taken',
				`${annotation} asks for the variable ${quoted(taken)}, but container ${quoted(container.name)} sets it already: remove one of them`,
			);
	}
	return undefined;
}
