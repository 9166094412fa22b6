import { err, ok } from '../../contract/result.ts';
import type { Parse } from '../../contract/values.ts';

/** Parses an https:// address: that of an issuer, of the Reveal program, or of notices. */
export const httpsUrl: Parse<string> = (text) =>
	URL.canParse(text) && new URL(text).protocol === 'https:'
		? ok(text)
		: err('an https:// address (that of an issuer exactly as in its tokens)');
