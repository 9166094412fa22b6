import { blocksOf, pageOf } from './pages.ts';

/** A block of commands, and the lines that the page says that it prints: undefined where it says nothing. */
interface Step {
	readonly script: string;
	readonly printed: readonly string[] | undefined;
}

const BETWEEN = '---- next block ----';

/** The steps below one heading of docs/tutorial.md, and how to run them in one shell. */
export function tutorialSteps(heading: string): {
	readonly steps: readonly Step[];
	/** All of them, for `bash -c`. */
	readonly script: string;
	/** The lines that each of them printed, where the page says something. */
	told(stdout: string): readonly (readonly string[] | undefined)[];
} {
	const { text } = pageOf('docs/tutorial.md');
	const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
	const blocks = blocksOf(section);
	const steps = blocks.flatMap(({ language, text: script }, i) => {
		const next = blocks[i + 1];
		return language === 'sh'
			? [{ script, printed: next?.language === 'text' ? lines(next.text) : undefined }]
			: [];
	});
	return {
		steps,
		script: steps.map((step) => `${step.script}\necho; echo '${BETWEEN}'`).join('\n'),
		told: (stdout) => {
			const parts = stdout.split(BETWEEN);
			return steps.map(({ printed }, i) => (printed === undefined ? undefined : lines(parts[i] ?? '')));
		},
	};
}

/** Lines without what stands at their ends for the eye alone. */
function lines(text: string): readonly string[] {
	return text
		.trim()
		.split('\n')
		.map((line) => line.trimEnd());
}
