import { holdsForeignReference, parseTemplate, type Template } from '../../contract/compose.ts';
import { isKey, KEY_RULE } from '../../contract/keys.ts';
import { parseLease } from '../../contract/lease.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseSealed } from '../../contract/sealed.ts';
import { listText, parsePrefixes, parseSelectedKeys, type Selection } from '../../contract/selection.ts';

/**
 * The annotations of one family, `envtier.dev/FAMILY.MEMBER`: how they are parsed, and their texts for the
 * reference.
 */
interface KeyedAnnotation<T> {
	/** The part after the dot, for the reference. */
	readonly member: 'KEY' | 'NAME' | 'CONTAINER';
	readonly isMember: (text: string) => boolean;
	/** The rule for a member, for messages. */
	readonly memberRule: string;
	/** Returns the value, or a text that completes "must be …". */
	readonly parse: (text: string) => Result<T>;
	readonly meaning: string;
	/** The behaviour without it, for the reference. */
	readonly default: string;
	/** A member and its value. */
	readonly example: readonly [string, string];
}

/** The rule for container names: a DNS label (RFC 1123), as in Kubernetes. */
export const CONTAINER_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;

const BY_CONTAINER = {
	member: 'CONTAINER',
	isMember: (text: string) => CONTAINER_NAME.test(text),
	memberRule: 'the name of a container',
} as const;

const BY_KEY = { member: 'KEY', isMember: isKey, memberRule: `a key: ${KEY_RULE}` } as const;

const BY_NAME = {
	member: 'NAME',
	isMember: isKey,
	memberRule: `the beginning of its keys: ${KEY_RULE}`,
} as const;

/** Checks a value and returns it unchanged: the fetcher parses it again. */
const validated =
	(parse: (text: string) => Result<unknown>) =>
	(text: string): Result<string> => {
		const parsed = parse(text);
		return parsed.ok ? ok(text) : parsed;
	};

/**
 * Parses a list of keys with `parse`, and refuses "true" or "false" alone. Who writes that takes the
 * annotation for a switch, and it would pass as a list with one key of that name.
 */
export const notSwitch =
	<T>(parse: (text: string) => Result<T>) =>
	(text: string): Result<T> => {
		const parsed = parse(text);
		if (!parsed.ok || !/^\s*(?:true|false)\s*$/i.test(text)) return parsed;
		const rule = parse('');
		return err(
			`${rule.ok ? 'a list of keys' : rule.error}; "true" and "false" switch nothing on or off here`,
		);
	};

/** Parses a list and returns its normalized text, so that equal selections have equal texts. */
export const normalizedList =
	(parse: (text: string) => Result<Selection['keys']>) =>
	(text: string): Result<string> => {
		const parsed = parse(text);
		return parsed.ok ? ok(listText(parsed.value)) : parsed;
	};

/** A template as text, for the fetcher, and parsed. */
interface WrittenTemplate {
	readonly text: string;
	readonly template: Template;
}

function parseWrittenTemplate(text: string): Result<WrittenTemplate> {
	if (holdsForeignReference(text))
		return err(
			`a template without "\${vault:" and "\${bao:", which the webhook of another tool (Bank-Vaults) would replace: give that key another name`,
		);
	const template = parseTemplate(text);
	return template.ok ? ok({ text, template: template.value }) : template;
}

/** Takes "true" or "false". */
export function parseBoolean(text: string): Result<boolean> {
	return text === 'true' || text === 'false' ? ok(text === 'true') : err('"true" or "false"');
}

/** The annotations of single keys or containers, by the name before the dot. */
export const KEYED_ANNOTATIONS = {
	compose: {
		...BY_KEY,
		parse: parseWrittenTemplate,
		meaning:
			'a value composed of secrets, delivered under that key; url, base64, json and shell encode a secret for its position',
		default: 'none',
		example: ['DATABASE_URL', `postgres://\${DB_USER:url}:\${DB_PASSWORD:url}@db/\${DB_NAME}`],
	} as KeyedAnnotation<WrittenTemplate>,
	sealed: {
		...BY_KEY,
		parse: validated(parseSealed),
		meaning:
			'a value that "envtier seal" has encrypted, so that it may be kept in git; Vault decrypts it only for the pods that it was sealed for',
		default: 'none',
		example: ['API_TOKEN', 'vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w=='],
	} as KeyedAnnotation<string>,
	lease: {
		...BY_NAME,
		parse: validated(parseLease),
		meaning:
			'a secret that Vault issues for this pod alone, such as a database user, by the path that issues it: each of its fields becomes a key, NAME_FIELD, and a sidecar renews or replaces it while the pod runs',
		default: 'none',
		example: ['DB', 'database/creds/readonly'],
	} as KeyedAnnotation<string>,
	keys: {
		...BY_CONTAINER,
		parse: notSwitch(normalizedList(parseSelectedKeys)),
		meaning: 'the same for one container, instead of the annotation for all',
		default: 'envtier.dev/keys and envtier.dev/prefix',
		example: ['worker', 'QUEUE_URL, TOKEN=WORKER_TOKEN'],
	} as KeyedAnnotation<string>,
	prefix: {
		...BY_CONTAINER,
		parse: notSwitch(normalizedList(parsePrefixes)),
		meaning: 'the same for one container, instead of the annotation for all',
		default: 'envtier.dev/keys and envtier.dev/prefix',
		example: ['worker', 'WORKER_'],
	} as KeyedAnnotation<string>,
	wrap: {
		...BY_CONTAINER,
		parse: parseBoolean,
		meaning: 'the same for one container',
		default: 'envtier.dev/wrap',
		example: ['proxy', 'false'],
	} as KeyedAnnotation<boolean>,
} as const;

/** The name of a family. */
export type KeyedAnnotationName = keyof typeof KEYED_ANNOTATIONS;

/** The annotations of single keys or containers, for each family by the text after the dot. */
export type KeyedOptions = {
	readonly [K in KeyedAnnotationName]: (typeof KEYED_ANNOTATIONS)[K] extends KeyedAnnotation<infer T>
		? ReadonlyMap<string, T>
		: never;
};
