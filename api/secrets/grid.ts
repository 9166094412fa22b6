import { isKey } from '../../contract/keys.ts';
import type { Tier } from '../../contract/tiers.ts';
import { declaredKeys } from '../schemas/declared-secret.ts';
import type { Store } from '../store/store.ts';
import { locationsOf, type StoredTemplate } from '../templates/templates.ts';
import { type TypeSummary, typeSummaries } from '../typed/summary.ts';
import type { Incomplete } from '../typed/typed-secret.ts';
import { markUnfinished } from '../typed/unfinished.ts';
import { type FoundSecret, memberOf } from './found-secret.ts';
import { identityOf, versionsIn } from './identity.ts';
import { tagsOf } from './metadata.ts';
import { idOf, type SecretLocation } from './secret-location.ts';
import { secretsAt } from './secrets.ts';

/** Maximum number of concurrent requests to the store, for one call. */
const AT_ONCE = 12;
/** A certificate that ends within this time counts as expiring, in ms: 30 days. */
const SOON = 30 * 86_400_000;

/** One column: a tier of the deployment. */
export interface GridColumn {
	readonly tier: Tier;
	readonly service: string;
}

/** A key in one tier; never its value. */
export interface GridCell {
	readonly key: string;
	readonly column: number;
	readonly state: 'live' | 'deleted' | 'destroyed';
	readonly id?: string;
	readonly version: number;
	readonly at: string;
	readonly by: string;
	readonly description?: string;
	readonly tags?: readonly string[];
	readonly type?: string;
	readonly name?: string;
	readonly expiresAt?: string;
	/** There if the keys of a typed secret do not belong together. */
	readonly incomplete?: Incomplete;
}

/** Every key of a deployment in every tier, and what its template declares. */
export interface Grid {
	readonly columns: readonly GridColumn[];
	readonly cells: readonly GridCell[];
	readonly declared: readonly { readonly service: string; readonly key: string }[];
}

/** What a grid is made from. */
export interface GridInput {
	readonly org: string;
	readonly deployment: string;
	/** The template, if there is one and the caller may see it. */
	readonly template: StoredTemplate | undefined;
	/** True when the caller may see descriptions and authors of the organization's secrets. */
	readonly managesOrg: boolean;
}

/**
 * Reads the grid of a deployment. Sends one request per tier and thousand keys if the store supports that.
 */
export async function gridOf(store: Store, input: GridInput): Promise<Grid> {
	const { org, deployment, template, managesOrg } = input;
	const own = await locationsOf(store, 'deployment', deployment);
	const stored = own.flatMap((location) => ('service' in location && location.service) || []);
	const declaring = template?.services.map(({ name }) => name) ?? [];
	const services = [...new Set([...stored, ...declaring])].sort();
	const columns: readonly GridColumn[] = [
		{ tier: 'org', service: '' },
		{ tier: 'deployment', service: '' },
		...services.map((service) => ({ tier: 'service' as const, service })),
	];
	const found = await markUnfinished(store, await secretsAt(store, [{ kind: 'org', org }, ...own], AT_ONCE));
	const live = found.filter(({ head }) => head.live);
	const types = typeSummaries(live);
	const typeOf = new Map(live.map((secret, i) => [secret, types[i]]));
	const cells = found.flatMap((secret) => {
		const column = columnOf(columns, secret.ref.location);
		return column < 0 ? [] : cellOf(secret, column, column > 0 || managesOrg, typeOf.get(secret));
	});
	return { columns, cells, declared: template === undefined ? [] : declaredBy(template) };
}

function declaredBy({ services }: StoredTemplate): Grid['declared'] {
	return services.flatMap(({ name, secrets }) =>
		secrets
			.flatMap(declaredKeys)
			.filter(({ optional }) => !optional)
			.map(({ key }) => ({ service: name, key })),
	);
}

function columnOf(columns: readonly GridColumn[], location: SecretLocation): number {
	if (location.kind === 'org') return 0;
	if (location.kind !== 'deployment') return -1;
	const { service } = location;
	return service === undefined ? 1 : columns.findIndex((one) => one.service === service);
}

/** The cell of a secret. Of the organization's, members see what they can see in their pods. */
function cellOf(
	secret: FoundSecret,
	column: number,
	whole: boolean,
	type: TypeSummary | undefined,
): readonly GridCell[] {
	const { ref, head } = secret;
	if (!isKey(ref.key)) return [];
	const current = versionsIn(head).at(-1);
	const state = head.live ? 'live' : current?.destroyed === false ? 'deleted' : 'destroyed';
	if (!whole && state !== 'live') return [];
	const { metadata } = head;
	const at = (head.live ? head.writtenAt : (current?.deletedAt ?? head.writtenAt)).toISOString();
	const bare = { key: ref.key, column, state, version: head.version, at } as const;
	const told = type?.incomplete === undefined ? {} : { incomplete: type.incomplete };
	if (!whole) return [{ ...bare, by: '', ...told }];
	const author = head.live
		? (metadata['updated_by'] ?? metadata['created_by'])
		: (metadata['destroyed_by'] ?? metadata['deleted_by']);
	const id = idOf(ref, identityOf(head).stamp);
	return [{ ...bare, id, by: author ?? '', ...aboutOf(secret), ...told }];
}

/** What else is known about a secret. What does not apply is left out, because a grid has many cells. */
function aboutOf(
	secret: FoundSecret,
): Pick<GridCell, 'description' | 'tags' | 'type' | 'name' | 'expiresAt'> {
	const { head } = secret;
	const { description, expires_at: expiresAt } = head.metadata;
	const membership = memberOf(secret);
	const tags = tagsOf(head.metadata);
	return {
		...(description === undefined ? {} : { description }),
		...(tags.length === 0 ? {} : { tags }),
		...(membership === undefined ? {} : { type: membership.type, name: membership.name }),
		...(membership === undefined || expiresAt === undefined ? {} : { expiresAt }),
	};
}

/** Counts what a list of deployments shows. */
export function summaryOfGrid(
	{ columns, cells, declared }: Grid,
	now: Date,
): {
	readonly services: readonly string[];
	readonly secrets: number;
	readonly missing: number;
	readonly expiring: number;
	readonly deleted: number;
} {
	const live = cells.filter(({ state }) => state === 'live');
	const has = new Set(live.map(({ key, column }) => `${column < 2 ? '' : columns[column]?.service} ${key}`));
	const own = live.filter(({ column }) => column > 0);
	return {
		services: columns.filter(({ tier }) => tier === 'service').map(({ service }) => service),
		secrets: own.length,
		missing: declared.filter(({ service, key }) => !has.has(`${service} ${key}`) && !has.has(` ${key}`))
			.length,
		expiring: own.filter(({ expiresAt }) => expiresAt && Date.parse(expiresAt) < now.getTime() + SOON).length,
		deleted: cells.filter(({ state, column }) => state === 'deleted' && column > 0).length,
	};
}
