import { ok } from '../../contract/result.ts';
import type { Render } from './rendering.ts';

/**
 * One JSON object, one key a line. Not made from a JavaScript object, so `__proto__` is a key like any other.
 */
export const renderJson: Render = (entries) => {
	const members = entries.map(({ key, value }) => `\n  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
	return ok(members.length === 0 ? '{}\n' : `{${members.join(',')}\n}\n`);
};
