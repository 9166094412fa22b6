import { err, ok, type Result } from '../../contract/result.ts';

const TAG = /^[a-z0-9][-a-z0-9_.:/]{0,47}$/;

/** Tags as somebody types them, with blanks or commas between them. At most ten. */
export function parseTags(text: string): Result<readonly string[]> {
	const tags = [...new Set(text.split(/[\s,]+/).filter(Boolean))].sort();
	const wrong = tags.find((tag) => !TAG.test(tag));
	if (wrong !== undefined)
		return err(`The tag "${wrong}" must be lowercase letters, digits, "-", "_", ".", ":" and "/".`);
	return tags.length > 10 ? err('A secret has at most 10 tags.') : ok(tags);
}
