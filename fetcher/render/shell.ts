import { byLine, NUL, tooLongForLinux } from './lines.ts';
import type { Render } from './rendering.ts';
import { KEPT_BY_SHELLS } from './shell-names.ts';

/**
 * `export KEY='value'` for a shell to source. A POSIX shell takes every byte between single quotes literally
 * (XCU 2.2.2). The renderer writes a single quote as `'\''`.
 */
export const renderShell: Render = byLine((entry) => {
	const { key, value } = entry;
	if (KEPT_BY_SHELLS.has(key))
		return { why: 'is a variable that shells keep for themselves: give it another name' };
	if (value.includes('\0')) return NUL;
	return tooLongForLinux(entry) ?? { line: `export ${key}='${value.replaceAll("'", `'\\''`)}'\n` };
});
