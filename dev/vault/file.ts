import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { core } from 'zod';
import { err, ok, type Result } from '../../contract/result.ts';
import { type VaultFile, vaultFile } from './schema.ts';

/**
 * Parses the YAML file of secrets. Every scalar is read as its source text: `PORT: 010` is the secret `010`,
 * `on` is `on`.
 *
 * @param fileName for messages: `vault.yaml:3:5: deployments.shop: …`. No message holds a value.
 */
export function parseVaultFile(text: string, fileName: string): Result<VaultFile, readonly string[]> {
	const lines = new LineCounter();
	// A pretty error would quote the line, which may hold a secret.
	const document = parseDocument(text, { lineCounter: lines, schema: 'failsafe', prettyErrors: false });
	const at = (offset: number | undefined): string => {
		if (offset === undefined) return fileName;
		const { line, col } = lines.linePos(offset);
		return `${fileName}:${line}:${col}`;
	};
	const faults = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
	visit(document, {
		Alias: (_, alias) => {
			if (alias.resolve(document) !== undefined) return;
			faults.push(`${at(alias.range?.[0])}: nothing above is marked with the anchor of this alias`);
		},
		Pair: (_, { key }) => {
			if (!isScalar(key) || key.value !== '__proto__') return;
			faults.push(`${at(key.range?.[0])}: "__proto__" can't be a name here`);
		},
	});
	if (faults.length > 0) return err(faults);
	if (document.contents === null)
		return err([`${fileName}: is empty; it needs at least "orgs" or "deployments"`]);
	const plain = toPlain(document);
	if (!plain.ok) return err([`${fileName}: ${plain.error}`]);
	const parsed = vaultFile.safeParse(plain.value);
	if (parsed.success) return ok(parsed.data);
	return err(
		flatten(parsed.error.issues).map(({ path, message }) => {
			const where = at(position(document.contents, path));
			return `${where}: ${path.length === 0 ? '' : `${path.map(String).join('.')}: `}${message}`;
		}),
	);
}

/** Converts the document to plain values. The parser throws when aliases expand too far. */
function toPlain(document: Document): Result<unknown> {
	try {
		return ok(document.toJS());
	} catch (thrown) {
		return err(thrown instanceof Error ? thrown.message : String(thrown));
	}
}

interface Fault {
	readonly path: readonly PropertyKey[];
	readonly message: string;
}

/** Returns each fault with the path of the wrong node, and a sentence. */
function flatten(issues: readonly core.$ZodIssue[]): Fault[] {
	return issues.flatMap((issue): Fault[] => {
		switch (issue.code) {
			case 'unrecognized_keys':
				return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'is not known here' }));
			case 'invalid_key':
				return issue.issues.map(({ message }) => ({ path: issue.path, message: `the name ${message}` }));
			case 'invalid_type':
				return [{ path: issue.path, message: `must be ${SHAPES.get(issue.expected) ?? issue.expected}` }];
			default:
				return [{ path: issue.path, message: issue.message }];
		}
	});
}

const SHAPES: ReadonlyMap<string, string> = new Map([
	['string', 'text'],
	['object', 'a map, {} when there is nothing in it'],
	['record', 'a map, {} when there is nothing in it'],
	['array', 'a list, [] when there is nothing in it'],
]);

/**
 * The position of the node at a path: of its key if it has one, or of the nearest parent if it does not
 * exist.
 */
function position(root: Node | null, path: readonly PropertyKey[]): number | undefined {
	let node: unknown = root;
	let offset = root?.range?.[0];
	for (const step of path) {
		if (isMap(node)) {
			const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
			if (pair === undefined) return offset;
			if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
			node = pair.value;
		} else {
			const item: unknown = nodeItem(node, step);
			offset = rangeStart(item) ?? offset;
			node = item;
		}
	}
	return offset;
}

function nodeItem(node: unknown, step: PropertyKey): unknown {
	if (typeof node !== 'object' || node === null || !('items' in node) || !Array.isArray(node.items))
		return undefined;
	return typeof step === 'number' ? node.items[step] : undefined;
}

function rangeStart(node: unknown): number | undefined {
	return isScalar(node) || isMap(node) ? node.range?.[0] : undefined;
}
