import { type Document, isAlias, isMap, isNode, isScalar, isSeq, visit, type YAMLMap } from 'yaml';

/**
 * The offset of the first duplicate key of a map; undefined if there is none. Merge keys may occur several
 * times.
 */
export function duplicateKey(document: Document): number | undefined {
	let offset: number | undefined;
	visit(document, {
		Map: (_key, map) => {
			offset = duplicateIn(map);
			return offset === undefined ? undefined : visit.BREAK;
		},
	});
	return offset;
}

function duplicateIn({ items }: YAMLMap): number | undefined {
	const names = new Set<string>();
	for (const { key } of items) {
		if (!isScalar(key) || key.value === '<<') continue;
		// As names of an object, 1 and "1" are equal.
		const name = String(key.value);
		if (names.has(name)) return key.range?.[0] ?? 0;
		names.add(name);
	}
	return undefined;
}

/**
 * The number of values of a document with each alias replaced by its target. Infinite for a circular or
 * unknown alias.
 */
export function expandedSize({ contents }: Document): number {
	const anchors = new Map<string, number>();
	const sizeOf = (node: unknown): number => {
		if (isAlias(node)) return anchors.get(node.source) ?? Number.POSITIVE_INFINITY;
		const size = partsOf(node).reduce<number>((sum, part) => sum + sizeOf(part), 1);
		if (isNode(node) && node.anchor !== undefined) anchors.set(node.anchor, size);
		return size;
	};
	return sizeOf(contents);
}

function partsOf(node: unknown): unknown[] {
	if (isMap(node)) return node.items.flatMap(({ key, value }) => [key, value]);
	return isSeq(node) ? node.items : [];
}
