import type { SecretTypeName, Sourcing } from '../../contract/secret-types.ts';
import { type FoundSecret, memberOf } from '../secrets/found-secret.ts';
import { folderOf, type SecretRef } from '../secrets/secret-location.ts';
import { type Incomplete, incompleteOf, type Membership } from './typed-secret.ts';

/** What a list tells about a secret’s type. */
export interface TypeSummary {
	readonly type: SecretTypeName;
	/** NAME; the key itself for the type `generic`. */
	readonly name: string;
	readonly sourcing: Sourcing;
	/** When the first of its certificates ends, in RFC 3339. */
	readonly expiresAt: string | undefined;
	/** Undefined when all keys of the typed secret belong together. */
	readonly incomplete: Incomplete | undefined;
}

/** The type of a key that belongs to no typed secret. */
export function genericSummary(key: string): TypeSummary {
	return { type: 'generic', name: key, sourcing: 'env', expiresAt: undefined, incomplete: undefined };
}

/** The type of each of these secrets. They must hold all live secrets of their locations. */
export function typeSummaries(secrets: readonly FoundSecret[]): readonly TypeSummary[] {
	const members = secrets.map((secret) => ({ ...secret, membership: memberOf(secret) }));
	const groups = Map.groupBy(members, ({ ref, membership }) =>
		membership === undefined ? '' : groupOf(ref, membership),
	);
	const states = new Map<string, Incomplete | undefined>();
	for (const [group, all] of groups)
		if (group !== '')
			states.set(
				group,
				incompleteOf(
					all.flatMap(({ membership, ...secret }) =>
						membership === undefined ? [] : [{ ...secret, membership }],
					),
				),
			);
	return members.map(({ ref, head, membership }) => {
		if (membership === undefined) return genericSummary(ref.key);
		const { type, name, sourcing } = membership;
		const incomplete = states.get(groupOf(ref, membership));
		return { type, name, sourcing, expiresAt: head.metadata['expires_at'], incomplete };
	});
}

function groupOf({ location }: SecretRef, { type, name }: Membership): string {
	return `${folderOf(location)} ${type} ${name}`;
}
