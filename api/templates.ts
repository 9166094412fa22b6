import { parseName } from '../contract/names.ts';
import { ok, type Result } from '../contract/result.ts';
import type { RecordStep } from './audit-steps.ts';
import { mapAtMost } from './concurrency.ts';
import { folderOf, type Place, pathOf, servicesFolderOf, userSegment } from './places.ts';
import { NOT_YOUR_TEMPLATE, type Problem, refuse } from './problem.ts';
import type { TemplateService } from './schemas/templates.ts';
import { type Deed, type Known, listSecrets, spotsIn } from './secrets.ts';
import type { Store } from './store/store.ts';

/** A template: which services a deployment made from it has, and which secrets each of them wants. */
export interface Template {
	readonly name: string;
	readonly owner: string;
	/** The organization whose members may use it; empty: the owner alone. */
	readonly org: string;
	readonly services: readonly TemplateService[];
	readonly createdAt: string;
}

/** A declared secret. */
export interface Declared {
	readonly serviceName: string;
	readonly key: string;
}

/** Who asks for a template. */
export interface Viewer {
	readonly subject: string;
	readonly org: string | undefined;
}

const AT_ONCE = 12;
const MARKER = { marker: 'envtier' };
const definitionOf = (name: string): string => `templates/${name}/definition`;

/** The folders that name the templates of an owner and of an organization. */
const ownersIndex = (owner: string): string => `registry/owners/${userSegment(owner)}/templates`;
const orgsIndex = (org: string): string => `registry/orgs/${org}/templates`;

function indexesOf({ owner, org }: Pick<Template, 'owner' | 'org'>): readonly string[] {
	return org === '' ? [ownersIndex(owner)] : [ownersIndex(owner), orgsIndex(org)];
}

/** The template of that name, whoever may see it. */
async function findTemplate(store: Store, name: string): Promise<Template | undefined> {
	const fields = await store.read(definitionOf(name));
	const text = fields?.['definition'];
	// Only this module writes definitions; what parses is one.
	return text === undefined ? undefined : { ...(JSON.parse(text) as Omit<Template, 'name'>), name };
}

/** True for the owner and for members of the template's organization. */
function mayUse(template: Template, viewer: Viewer): boolean {
	return template.owner === viewer.subject || (template.org !== '' && template.org === viewer.org);
}

/** The template, if the viewer may use it. */
export async function usableTemplate(
	store: Store,
	name: string,
	viewer: Viewer,
): Promise<Result<Template, Problem>> {
	const template = await findTemplate(store, name);
	return template !== undefined && mayUse(template, viewer) ? ok(template) : refuse(403, NOT_YOUR_TEMPLATE);
}

/** The template, if it is the viewer's own. */
export async function ownTemplate(
	store: Store,
	name: string,
	viewer: Viewer,
): Promise<Result<Template, Problem>> {
	const template = await findTemplate(store, name);
	return template?.owner === viewer.subject ? ok(template) : refuse(403, NOT_YOUR_TEMPLATE);
}

/** The templates that a viewer may use, sorted by name. */
export async function templatesOf(store: Store, viewer: Viewer): Promise<readonly Template[]> {
	const folders = [ownersIndex(viewer.subject), ...(viewer.org === undefined ? [] : [orgsIndex(viewer.org)])];
	const lists = await mapAtMost(AT_ONCE, folders, (folder) => store.list(folder));
	const names = [...new Set(lists.flat())].filter((name) => parseName(name).ok).sort();
	const found = await mapAtMost(AT_ONCE, names, (name) => findTemplate(store, name));
	return found.flatMap((template) => (template !== undefined && mayUse(template, viewer) ? [template] : []));
}

/** Creates a template; a name is given once. */
export async function createTemplate(
	store: Store,
	{ name, services }: Pick<Template, 'name' | 'services'>,
	viewer: Viewer,
	deed: Deed,
): Promise<Result<Template, Problem>> {
	const template: Template = {
		name,
		owner: viewer.subject,
		org: viewer.org ?? '',
		services,
		createdAt: deed.at.toISOString(),
	};
	// The indexes first: an entry without its template is ignored, a template without its entry would be lost.
	for (const folder of indexesOf(template)) await store.put(`${folder}/${name}`, MARKER, 0);
	const head = await store.head(definitionOf(name));
	const version = head?.live === false ? head.version : 0;
	if ((await store.put(definitionOf(name), encode(template), version)) === 'conflict') {
		const holder = await findTemplate(store, name);
		await forget(store, template, holder);
		return refuse(409, `the template name ${name} is taken`);
	}
	return ok(template);
}

/** Takes back index entries that lead to someone else's template. */
async function forget(store: Store, mine: Template, holder: Template | undefined): Promise<void> {
	const theirs = holder === undefined ? [] : indexesOf(holder);
	for (const folder of indexesOf(mine))
		if (!theirs.includes(folder)) await store.remove(`${folder}/${mine.name}`);
}

/** Replaces the services of a template of the viewer's own; values that its secrets have stay. One that is deleted meanwhile stays deleted. */
export async function changeTemplate(
	store: Store,
	template: Template,
	services: readonly TemplateService[],
): Promise<Result<Template, Problem>> {
	const path = definitionOf(template.name);
	const changed: Template = { ...template, services };
	// Ends: whenever this call has to try again, another one got something done.
	for (;;) {
		const head = await store.head(path);
		if (!head?.live) return refuse(403, NOT_YOUR_TEMPLATE);
		if ((await store.put(path, encode(changed), head.version)) === 'written') return ok(changed);
	}
}

function encode({ name: _, ...rest }: Template): { definition: string } {
	return { definition: JSON.stringify(rest) };
}

/** Every place below a deployment or template: the shared one, and one a service that holds secrets. */
export async function placesOf(
	store: Store,
	kind: 'deployment' | 'template',
	name: string,
): Promise<readonly Place[]> {
	const services = (await store.list(servicesFolderOf({ kind, name })))
		.map((entry) => entry.replace(/\/$/, ''))
		.filter((service) => parseName(service).ok);
	const at = kind === 'deployment' ? { kind, deployment: name } : { kind, template: name };
	return [at, ...services.map((service) => ({ ...at, service }))];
}

/** The secrets of a template that have a value. */
export async function templateSecrets(store: Store, name: string): Promise<readonly Known[]> {
	return listSecrets(store, await placesOf(store, 'template', name));
}

/**
 * The declared secrets that have no value, in the order of the template. A service finds a value of its own or one that all
 * services share.
 */
export function missingOf(
	template: Pick<Template, 'services'>,
	has: (serviceName: string, key: string) => boolean,
): readonly Declared[] {
	return template.services.flatMap(({ name, secrets }) =>
		secrets
			.filter(({ key }) => !has(name, key) && !has('', key))
			.map(({ key }) => ({ serviceName: name, key })),
	);
}

/** Removes a template with its secrets, each audited by itself; deployments made from it keep theirs. */
export async function deleteTemplate(store: Store, template: Template, step: RecordStep): Promise<void> {
	const places = await placesOf(store, 'template', template.name);
	for (const place of places) {
		const spots = await spotsIn(store, place);
		await mapAtMost(AT_ONCE, spots, (spot) =>
			step('templates.delete', { scope: folderOf(place), key: spot.key }, () => store.remove(pathOf(spot))),
		);
	}
	await store.remove(definitionOf(template.name));
	for (const folder of indexesOf(template)) await store.remove(`${folder}/${template.name}`);
}
