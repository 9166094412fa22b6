import { describe } from 'vitest';
import { DETAILED_KEYS, KEYS } from '../../api/store/vault-metadata.ts';
import { decodeHead } from '../../lib/kv/head.ts';
import { ANSWER_LIMITS, parseJson } from '../../lib/parse/json.ts';
import { repeated, testHostile } from './cpu.ts';

/**
 * Lists of Vault with metadata, as long as a program reads a response: API and command line 16 MiB, fetcher 8
 * MiB.
 */
const LIMIT = 16 * 1024 * 1024;
/** About as many bytes as hold all names and values that are allowed. */
const DENSE = 400 * 1024;

const TEXTS: Readonly<Record<string, (size: number) => string>> = {
	'keys of a list': (size) => `{"data":{"keys":[${repeated(size - 40, (i) => `"k${i}",`)}"z"]}}`,
	'short keys of a list': (size) => `{"data":{"keys":[${repeated(size - 40, () => '"",')}"z"]}}`,
	'custom metadata': (size) =>
		`{"data":{"current_version":1,"custom_metadata":{${repeated(size - 80, (i) => `"k${i}":"",`)}"z":""}}}`,
	'custom metadata of wrong types': (size) =>
		`{"data":{"current_version":1,"custom_metadata":{${repeated(size - 80, (i) => `"k${i}":1,`)}"z":1}}}`,
	'one value of metadata': (size) =>
		`{"data":{"current_version":1,"custom_metadata":{"description":"${'x'.repeat(size - 90)}"}}}`,
	versions: (size) =>
		`{"data":{"current_version":1,"versions":{${repeated(size - 80, (i) => `"${i}":{},`)}"z":{}}}}`,
	'brackets that open': (size) => '['.repeat(size),
	'quotation marks': (size) => '"'.repeat(size),
};

const parse = (text: string): unknown => {
	const parsed = parseJson(Buffer.from(text), ANSWER_LIMITS);
	if (!parsed.ok) return parsed;
	const { data } = (parsed.value ?? {}) as { data?: unknown };
	return [decodeHead(data), ...[KEYS, DETAILED_KEYS].map((schema) => schema.safeParse(parsed.value))];
};

describe('as long as an answer may be', () => testHostile({ limit: LIMIT, parse, texts: TEXTS }));
describe('as dense as an answer may be', () => testHostile({ limit: DENSE, parse, texts: TEXTS }));
