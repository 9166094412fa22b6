import { ok } from '../../contract/result.ts';
import type { Render } from './rendering.ts';

/**
 * One JSON object with one key on each line. Does not build a JavaScript object, so `__proto__` works as a
 * key.
 */
export const renderJson: Render = (entries) => {
	const members = entries.map(({ key, value }) => `\n  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
	return ok(members.length === 0 ? '{}\n' : `{${members.join(',')}\n}\n`);
};
