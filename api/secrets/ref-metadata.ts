import { parseName } from '../../contract/names.ts';
import type { SecretLocation, SecretRef } from './secret-location.ts';

/** A secret as metadata of an index entry: its parts, because a whole path can be too long for one value. */
export function encodeRef({ location, key }: SecretRef): Readonly<Record<string, string | null>> {
	switch (location.kind) {
		case 'user':
			return { kind: 'user', name: location.user, service: null, key };
		case 'org':
			return { kind: 'org', name: location.org, service: null, key };
		case 'deployment':
			return { kind: 'deployment', name: location.deployment, service: location.service ?? null, key };
		case 'template':
			return { kind: 'template', name: location.template, service: location.service ?? null, key };
		default:
			return location satisfies never;
	}
}

/** The secret that an index entry names; undefined if it names none. */
export function decodeRef(metadata: Readonly<Record<string, string>>): SecretRef | undefined {
	const { kind, name = '', service, key } = metadata;
	if (key === undefined || !parseName(name).ok) return undefined;
	const inside = service === undefined ? {} : { service };
	const locations: Readonly<Record<string, SecretLocation>> = {
		user: { kind: 'user', user: name },
		org: { kind: 'org', org: name },
		deployment: { kind: 'deployment', deployment: name, ...inside },
		template: { kind: 'template', template: name, ...inside },
	};
	const location = locations[kind ?? ''];
	return location === undefined ? undefined : { location, key };
}
