import type { Tags } from 'yaml';
import { err, ok, type Result } from '../../contract/result.ts';
import { type Json, object, text } from '../../lib/json.ts';
import { parseYamlDocuments, type YamlLimits } from '../../lib/parse/yaml.ts';

/** One Kubernetes object of an input, and its position there. */
export interface Document {
	/** `pod.yaml`, or `all.yaml, document 2, item 1` for an input with several objects. */
	readonly place: string;
	readonly object: Json;
}

/**
 * kubectl reads YAML 1.1 (sigs.k8s.io/yaml): `no` is false and 0440 is octal. It does not know that version's
 * dates, base-60 numbers and collections, so an unquoted `12:30` is text.
 */
const UNKNOWN_TO_KUBECTL = new Set(['intTime', 'floatTime', 'timestamp', 'binary', 'omap', 'pairs', 'set']);

function kubectlTags(tags: Tags): Tags {
	return tags.filter((tag) => {
		const name = typeof tag === 'string' ? tag : (tag.tag.split(':').pop() ?? '');
		const base60 = typeof tag !== 'string' && 'format' in tag && tag.format === 'TIME';
		return !UNKNOWN_TO_KUBECTL.has(name) && !base60;
	});
}

/**
 * Enough for all pods of a large cluster. The library searches all earlier anchors and aliases for each
 * alias, so their number has a lower limit.
 */
const LIMITS: YamlLimits = { bytes: 32 * 1024 * 1024, tokens: 5_000_000, depth: 100, aliases: 1_000 };

/**
 * Parses YAML or JSON with any number of objects; lists are unpacked. The error says where the text is wrong.
 */
export function readDocuments(input: string, name: string): Result<readonly Document[]> {
	const parsed = parseYamlDocuments(input, LIMITS, { version: '1.1', customTags: kubectlTags });
	if (!parsed.ok) return err(`${name} ${parsed.error}`);
	const documents: Document[] = [];
	for (const [index, value] of parsed.value.entries()) {
		// The text between two separators may have comments only.
		if (value === null || value === undefined) continue;
		const place = parsed.value.length === 1 ? name : `${name}, document ${index + 1}`;
		const unpacked = unpack(value, place);
		if (!unpacked.ok) return unpacked;
		documents.push(...unpacked.value);
	}
	return ok(documents);
}

/** The items of a `List` (or PodList, DeploymentList, …); any other object itself. */
function unpack(value: unknown, place: string): Result<readonly Document[]> {
	const found = object(value);
	const kind = text(found?.['kind']);
	if (found === undefined || kind === undefined)
		return err(`${place} is not a Kubernetes object: it has no "kind"`);
	const items = found['items'];
	if (!kind.endsWith('List') || !Array.isArray(items)) return ok([{ place, object: found }]);
	const documents: Document[] = [];
	for (const [index, item] of items.entries()) {
		// Items of a typed list may omit the fields that the list states for all.
		const own = object(item) ?? {};
		const inherited = { apiVersion: found['apiVersion'], kind: kind.slice(0, -'List'.length) || undefined };
		const unpacked = unpack({ ...inherited, ...own }, `${place}, item ${index + 1}`);
		if (!unpacked.ok) return unpacked;
		documents.push(...unpacked.value);
	}
	return ok(documents);
}
