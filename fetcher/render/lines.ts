import { err, ok } from '../../contract/result.ts';
import type { Misfit, Render, RenderEntry } from './rendering.ts';

/** Renders one entry as lines with a newline at the end, or returns why the format cannot hold it. */
export type Line = (entry: RenderEntry) => { readonly line: string } | { readonly why: string };

/** Creates a renderer from a function that renders one entry. */
export const byLine =
	(render: Line): Render =>
	(entries) => {
		const misfits: Misfit[] = [];
		let text = '';
		for (const entry of entries) {
			const rendered = render(entry);
			if ('line' in rendered) text += rendered.line;
			else misfits.push({ key: entry.key, why: rendered.why });
		}
		return misfits.length === 0 ? ok(text) : err(misfits);
	};

/** Environment variables are C strings, which end at a NUL. */
export const NUL = { why: 'holds a NUL byte, which no environment variable can' } as const;

/**
 * Maximum length of `KEY=value` in an environment on Linux, in bytes: MAX_ARG_STRLEN (32 pages of 4 KiB)
 * without the NUL at its end. With a longer one every execve of the process fails with E2BIG.
 */
const MAX_VARIABLE_BYTES = 131_071;

/** Why Linux would reject `KEY=value` in the environment of a process; undefined if it accepts it. */
export function tooLongForLinux({ key, value }: RenderEntry): { readonly why: string } | undefined {
	const bytes = key.length + 1 + Buffer.byteLength(value);
	if (bytes <= MAX_VARIABLE_BYTES) return undefined;
	return {
		why: `takes ${bytes} bytes as KEY=value; Linux starts no program with a variable over ${MAX_VARIABLE_BYTES}`,
	};
}
