import { err, ok } from '../../contract/result.ts';
import type { Misfit, Render, RenderEntry } from './rendering.ts';

/** One entry's line or lines with the newline at the end, or why there can be none. */
export type Line = (entry: RenderEntry) => { readonly line: string } | { readonly why: string };

/** Makes a format out of one that renders an entry at a time. */
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

/** C strings, and so environment variables, end at a NUL. */
export const NUL = { why: 'holds a NUL byte, which no environment variable can' } as const;

/**
 * The longest string in an environment on Linux, in bytes: MAX_ARG_STRLEN (32 pages of 4 KiB) less the NUL at
 * its end. With a longer one every later execve of the process fails with E2BIG.
 */
const MAX_VARIABLE_BYTES = 131_071;

/** Why Linux would not take `KEY=value` in a process's environment, or undefined. */
export function tooLongForLinux({ key, value }: RenderEntry): { readonly why: string } | undefined {
	const bytes = key.length + 1 + Buffer.byteLength(value);
	if (bytes <= MAX_VARIABLE_BYTES) return undefined;
	return {
		why: `takes ${bytes} bytes as KEY=value; Linux starts no program with a variable over ${MAX_VARIABLE_BYTES}`,
	};
}
