import { describe, expect, test } from 'vitest';
import { parseTemplate, type Template } from '../../contract/compose.ts';
import { isLeaseNeeded, mayContainLease } from '../../contract/lease-keys.ts';
import { parsePrefixes, parseSelectedKeys, type Selection } from '../../contract/selection.ts';

function templatesOf(texts: Readonly<Record<string, string>>): ReadonlyMap<string, Template> {
	return new Map(
		Object.entries(texts).map(([key, text]) => {
			const parsed = parseTemplate(text);
			if (!parsed.ok) throw new Error(parsed.error);
			return [key, parsed.value];
		}),
	);
}

function selectionOf(keys: string, prefixes = ''): Selection {
	const [parsedKeys, parsedPrefixes] = [parseSelectedKeys(keys), parsePrefixes(prefixes)];
	return {
		keys: parsedKeys.ok ? parsedKeys.value : [],
		prefixes: parsedPrefixes.ok ? parsedPrefixes.value : [],
	};
}

/** Composed values that need `lease.DB`, one of them through the other; and one that does not. */
const TEMPLATES = templatesOf({
	DATABASE_URL: `postgres://\${DB_USERNAME}`,
	CONFIG: `url=\${DATABASE_URL}`,
	OTHER: `\${LEVEL}`,
});

describe('the lease DB is needed', () => {
	test.for<[string, Selection | undefined, boolean]>([
		['by a container that takes everything', undefined, true],
		['by "*"', selectionOf('*'), true],
		['by one of its keys', selectionOf('DB_PASSWORD'), true],
		['by one of its keys under another name', selectionOf('PASSWORD=DB_PASSWORD'), true],
		['by a prefix of its keys', selectionOf('', 'DB_'), true],
		['by a longer prefix', selectionOf('', 'DB_PASS'), true],
		['by a shorter prefix', selectionOf('', 'D'), true],
		['by a composed value', selectionOf('DATABASE_URL'), true],
		['by a value that is composed of a composed one', selectionOf('CONFIG'), true],
		['by a prefix of a composed value', selectionOf('', 'CONF'), true],
		['not by other keys', selectionOf('LEVEL, DBX_PASSWORD'), false],
		['not by another composed value', selectionOf('OTHER'), false],
		['not by another prefix', selectionOf('', 'LOG_'), false],
	])('%s', ([, selection, needed]) => {
		const delivered = { selections: [selection], envKeys: [], templates: TEMPLATES };
		expect(isLeaseNeeded('DB', delivered)).toBe(needed);
	});

	test('by a variable, and by one of several selections', () => {
		const none = { selections: [selectionOf('LEVEL')], envKeys: ['LEVEL'], templates: TEMPLATES };
		expect(isLeaseNeeded('DB', none)).toBe(false);
		expect(isLeaseNeeded('DB', { ...none, envKeys: ['CONFIG'] })).toBe(true);
		expect(isLeaseNeeded('DB', { ...none, selections: [...none.selections, undefined] })).toBe(true);
	});
});

describe('a key with a composed value', () => {
	const templates = templatesOf({ DATABASE_URL: `\${LEVEL}`, DB_OWN: `\${DB_OWN}` });

	test('is no field of a lease with that beginning', () =>
		expect(mayContainLease('DATABASE', templates, 'DATABASE_URL')).toBe(false));

	test('contains the field with its own name, if its template refers to it', () =>
		expect(mayContainLease('DB', templates, 'DB_OWN')).toBe(true));
});
