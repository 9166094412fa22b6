import { createHash } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { parseName } from '../../contract/names.ts';
import { tierPath } from '../../contract/tiers.ts';

/** The location of a secret. `parseName` has checked the names; `user` is a hash of the caller's subject. */
export type SecretLocation =
	| { readonly kind: 'user'; readonly user: string }
	| { readonly kind: 'org'; readonly org: string }
	| { readonly kind: 'deployment'; readonly deployment: string; readonly service?: string }
	| { readonly kind: 'template'; readonly template: string; readonly service?: string };

/** A secret's location, and its key there. */
export interface SecretRef {
	readonly location: SecretLocation;
	readonly key: string;
}

/**
 * A subject as one path segment, because a subject may have any character. 128 bits of SHA-256, so that
 * nobody finds a second subject with the same folder.
 */
export function userSegment(subject: string): string {
	return createHash('sha256').update(subject).digest('hex').slice(0, 32);
}

/**
 * The folder of a location's secrets inside the KV mount, without leading and trailing slashes. Pods read
 * only the folders of `tierPath`.
 */
export function folderOf(location: SecretLocation): string {
	switch (location.kind) {
		case 'user':
			return `users/${location.user}/secrets`;
		case 'org':
			return tier('org', { org: location.org });
		case 'deployment':
			return location.service === undefined
				? tier('deployment', { deployment: location.deployment })
				: tier('service', { deployment: location.deployment, service: location.service });
		case 'template':
			return location.service === undefined
				? `templates/${location.template}/secrets`
				: `templates/${location.template}/services/${location.service}/secrets`;
		default:
			return location satisfies never;
	}
}

function tier(...args: Parameters<typeof tierPath>): string {
	const path = tierPath(...args);
	if (path === undefined) throw new Error('a location without the names of its tier');
	return path;
}

/** The folder with one subfolder for each service of a deployment or template. */
export function servicesFolderOf(location: { kind: 'deployment' | 'template'; name: string }): string {
	return `${location.kind}s/${location.name}/services`;
}

/** The path of one secret inside the KV mount. */
export function pathOf({ location, key }: SecretRef): string {
	return `${folderOf(location)}/${key}`;
}

const PATHS: readonly [RegExp, (names: readonly string[]) => SecretLocation][] = [
	[/^users\/([0-9a-f]{32})\/secrets\/([^/]+)$/, ([user = '']) => ({ kind: 'user', user })],
	[/^orgs\/([^/]+)\/secrets\/([^/]+)$/, ([org = '']) => ({ kind: 'org', org })],
	[/^deployments\/([^/]+)\/secrets\/([^/]+)$/, ([deployment = '']) => ({ kind: 'deployment', deployment })],
	[
		/^deployments\/([^/]+)\/services\/([^/]+)\/secrets\/([^/]+)$/,
		([deployment = '', service = '']) => ({ kind: 'deployment', deployment, service }),
	],
	[/^templates\/([^/]+)\/secrets\/([^/]+)$/, ([template = '']) => ({ kind: 'template', template })],
	[
		/^templates\/([^/]+)\/services\/([^/]+)\/secrets\/([^/]+)$/,
		([template = '', service = '']) => ({ kind: 'template', template, service }),
	],
];

function refOfPath(path: string): SecretRef | undefined {
	for (const [pattern, location] of PATHS) {
		const groups = pattern.exec(path)?.slice(1);
		if (groups === undefined) continue;
		const names = groups.slice(0, -1);
		const key = groups.at(-1) ?? '';
		return names.every((name) => parseName(name).ok) && isKey(key)
			? { location: location(names), key }
			: undefined;
	}
	return undefined;
}

const ID_PREFIX = 's2_';
/** Ids of this form hold only a path. They are accepted for secrets without a stamp of the API. */
const OLD_ID_PREFIX = 's1_';

/**
 * A secret between its creation and its deletion. A secret created later at the same path has another stamp.
 */
export interface StampedSecretRef extends SecretRef {
	/** Letters, digits, "-" and "_". Undefined in an id from before ids had stamps. */
	readonly stamp: string | undefined;
}

/**
 * The id of a secret: the stamp of its creation and its path, encoded. It needs no second database and stays
 * the same until the secret is deleted. An id grants nothing: the caller must own its location.
 */
export function idOf(ref: SecretRef, stamp: string): string {
	return ID_PREFIX + Buffer.from(`${stamp} ${pathOf(ref)}`).toString('base64url');
}

/** The secret that an id names; undefined for an invalid id. Exactly one text names one secret. */
export function parseSecretId(id: string): StampedSecretRef | undefined {
	const old = id.startsWith(OLD_ID_PREFIX);
	if (!old && !id.startsWith(ID_PREFIX)) return undefined;
	const encoded = id.slice(ID_PREFIX.length);
	const text = Buffer.from(encoded, 'base64url').toString('utf8');
	// Many texts decode to the same bytes in base64url. Only the canonical one is accepted.
	if (Buffer.from(text).toString('base64url') !== encoded) return undefined;
	const [, stamp, path = ''] = old ? ['', undefined, text] : (/^([A-Za-z0-9_-]+) (.*)$/s.exec(text) ?? []);
	const ref = refOfPath(path);
	return ref === undefined ? undefined : { ...ref, stamp };
}
