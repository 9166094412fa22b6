import { parseName } from '../../contract/names.ts';
import { err, ok } from '../../contract/result.ts';
import type { Parse } from '../../contract/values.ts';

/** Names of deployments that are reserved for an organization. */
export interface NameRule {
	readonly org: string;
	/** A name, or a prefix that ends with "*". */
	readonly pattern: string;
}

const ACCEPTED =
	'organizations with names of deployments, such as acme=shop,shop-*;globex=globex-* (a "*" only at the end)';
const PATTERN = /^[a-z0-9][-a-z0-9.]{0,252}\*?$|^\*$/;

/** Reads `ORG=PATTERN,PATTERN;ORG=PATTERN`; blanks around the parts are ignored. */
export const parseNameRules: Parse<readonly NameRule[]> = (text) => {
	const rules: NameRule[] = [];
	for (const part of text.split(';').filter((one) => one.trim() !== '')) {
		const [org = '', patterns, ...more] = part.split('=').map((side) => side.trim());
		if (!parseName(org).ok || patterns === undefined || more.length > 0) return err(ACCEPTED);
		for (const pattern of patterns.split(',').map((one) => one.trim())) {
			if (!PATTERN.test(pattern)) return err(ACCEPTED);
			rules.push({ org, pattern });
		}
	}
	return ok(rules);
};

/**
 * True when an organization may register a name: no rule reserves it, or one of those rules is for this
 * organization.
 */
export function mayRegister(rules: readonly NameRule[], name: string, org: string): boolean {
	const reserved = rules.filter(({ pattern }) => matches(pattern, name));
	return reserved.length === 0 || reserved.some((rule) => rule.org === org);
}

function matches(pattern: string, name: string): boolean {
	return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
