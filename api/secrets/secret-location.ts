import { createHash } from 'node:crypto';
import { isKey } from '../../contract/keys.ts';
import { parseName } from '../../contract/names.ts';
import { tierPath } from '../../contract/tiers.ts';

/** Where a secret lives. Names have passed `parseName`; `user` is a hash of the caller's subject. */
export type Place =
	| { readonly kind: 'user'; readonly user: string }
	| { readonly kind: 'org'; readonly org: string }
	| { readonly kind: 'deployment'; readonly deployment: string; readonly service?: string }
	| { readonly kind: 'template'; readonly template: string; readonly service?: string };

/** A secret's place and its name there. */
export interface Spot {
	readonly place: Place;
	readonly key: string;
}

/**
 * A subject as one path segment: subjects hold any character, paths don't. 128 bits of SHA-256, so that nobody finds a second
 * subject with the same folder.
 */
export function userSegment(subject: string): string {
	return createHash('sha256').update(subject).digest('hex').slice(0, 32);
}

/** The folder of a place's secrets inside the KV mount, without slashes at its ends. Pods read those that `tierPath` gives, and no other. */
export function folderOf(place: Place): string {
	switch (place.kind) {
		case 'user':
			return `users/${place.user}/secrets`;
		case 'org':
			return tier('org', { org: place.org });
		case 'deployment':
			return place.service === undefined
				? tier('deployment', { deployment: place.deployment })
				: tier('service', { deployment: place.deployment, service: place.service });
		case 'template':
			return place.service === undefined
				? `templates/${place.template}/secrets`
				: `templates/${place.template}/services/${place.service}/secrets`;
		default:
			return place satisfies never;
	}
}

function tier(...args: Parameters<typeof tierPath>): string {
	const path = tierPath(...args);
	if (path === undefined) throw new Error('a place without the names of its tier');
	return path;
}

/** The folder that holds a folder for each service of a deployment or template. */
export function servicesFolderOf(place: { kind: 'deployment' | 'template'; name: string }): string {
	return `${place.kind}s/${place.name}/services`;
}

/** The path of one secret inside the KV mount. */
export function pathOf({ place, key }: Spot): string {
	return `${folderOf(place)}/${key}`;
}

const PATHS: readonly [RegExp, (names: readonly string[]) => Place][] = [
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

function spotOf(path: string): Spot | undefined {
	for (const [pattern, place] of PATHS) {
		const found = pattern.exec(path)?.slice(1);
		if (found === undefined) continue;
		const names = found.slice(0, -1);
		const key = found.at(-1) ?? '';
		return names.every((name) => parseName(name).ok) && isKey(key) ? { place: place(names), key } : undefined;
	}
	return undefined;
}

const ID_PREFIX = 's2_';
/** Ids of this form name a path alone. They are accepted for secrets that have no stamp of the API. */
const OLD_ID_PREFIX = 's1_';

/** A secret at one time between its creation and its deletion. A secret created later at the same path has another stamp. */
export interface SecretRef extends Spot {
	/** Letters, digits, "-" and "_". Undefined in an id that was given out before ids had stamps. */
	readonly stamp: string | undefined;
}

/**
 * The id of a secret: the stamp of its creation and its path, encoded. It needs no second database and stays the same until the secret
 * is deleted. Knowing one opens nothing, for whoever shows it must own the place that it leads to.
 */
export function idOf(spot: Spot, stamp: string): string {
	return ID_PREFIX + Buffer.from(`${stamp} ${pathOf(spot)}`).toString('base64url');
}

/** The secret that an id means; undefined for what is no id. Exactly one text means one secret. */
export function refOfId(id: string): SecretRef | undefined {
	const old = id.startsWith(OLD_ID_PREFIX);
	if (!old && !id.startsWith(ID_PREFIX)) return undefined;
	const encoded = id.slice(ID_PREFIX.length);
	const text = Buffer.from(encoded, 'base64url').toString('utf8');
	// Only one of the many texts that base64url decodes to the same bytes.
	if (Buffer.from(text).toString('base64url') !== encoded) return undefined;
	const [, stamp, path = ''] = old ? ['', undefined, text] : (/^([A-Za-z0-9_-]+) (.*)$/s.exec(text) ?? []);
	const spot = spotOf(path);
	return spot === undefined ? undefined : { ...spot, stamp };
}
