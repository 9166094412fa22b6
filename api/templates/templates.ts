import { parseName } from '../../contract/names.ts';
import { ok, type Result } from '../../contract/result.ts';
import type { RecordStep } from '../../lib/audit/steps.ts';
import { mapAtMost } from '../concurrency.ts';
import { NOT_YOUR_TEMPLATE, type Problem, refuse } from '../problem.ts';
import { declaredKeys } from '../schemas/declared-secret.ts';
import { COMPOSE_FIELDS, type TemplateService } from '../schemas/templates.ts';
import type { AuditStamp } from '../secrets/metadata.ts';
import { type SecretLocation, servicesFolderOf, userSegment } from '../secrets/secret-location.ts';
import { listSecrets, newStamp, type SecretSummary } from '../secrets/secrets.ts';
import type { Store } from '../store/store.ts';

/** A template: the services of its deployments, and the secrets that each service declares. */
export interface Template {
	readonly name: string;
	readonly owner: string;
	/** The organization in which it was created; empty if none. */
	readonly org: string;
	/**
	 * True when members of the organization may see it and create deployments from it. They can then read its
	 * values in a pod.
	 */
	readonly shared: boolean;
	readonly services: readonly TemplateService[];
	readonly createdAt: string;
}

/** A template as the store holds it. */
export interface StoredTemplate extends Template {
	/** Distinguishes it from other templates of the same name. */
	readonly stamp: string;
	/** True after its deletion has begun. Then only the deletion continues. */
	readonly deleting: boolean;
}

/** A declared secret. */
export interface DeclaredSecret {
	readonly serviceName: string;
	readonly key: string;
}

/** The caller who reads a template. */
export interface Viewer {
	readonly subject: string;
	readonly org: string | undefined;
}

const AT_ONCE = 12;
const MARKER = { marker: 'envtier' };
const definitionOf = (name: string): string => `templates/${name}/definition`;

/** The index folders of an owner and of an organization. They hold the names of templates. */
const ownersIndex = (owner: string): string => `registry/owners/${userSegment(owner)}/templates`;
const orgsIndex = (org: string): string => `registry/orgs/${org}/templates`;

function indexesOf({ owner, org }: Pick<Template, 'owner' | 'org'>): readonly string[] {
	return org === '' ? [ownersIndex(owner)] : [ownersIndex(owner), orgsIndex(org)];
}

/** Replaces the definition of a deleted template, so that version numbers never start again. */
const DELETED = { definition: 'deleted' };

/** The template of that name, also while it is being deleted. Does not check the viewer. */
async function storedTemplate(store: Store, name: string): Promise<StoredTemplate | undefined> {
	const text = (await store.read(definitionOf(name)))?.['definition'];
	if (text === undefined || text === DELETED.definition) return undefined;
	// Only this module writes definitions, so the JSON has this type. The oldest ones have no stamp or sharing.
	const parsed = JSON.parse(text) as Omit<Template, 'name' | 'shared'> & Partial<StoredTemplate>;
	return { shared: false, deleting: false, stamp: parsed.createdAt, ...parsed, name };
}

async function findTemplate(store: Store, name: string): Promise<StoredTemplate | undefined> {
	const template = await storedTemplate(store, name);
	return template?.deleting === false ? template : undefined;
}

/** True for the owner and, once it is shared, for members of the template's organization. */
function mayUse(template: Template, viewer: Viewer): boolean {
	const member = template.org !== '' && template.org === viewer.org;
	return template.owner === viewer.subject || (template.shared && member);
}

/** The template, if the viewer may use it. */
export async function usableTemplate(
	store: Store,
	name: string,
	viewer: Viewer,
): Promise<Result<StoredTemplate, Problem>> {
	const template = await findTemplate(store, name);
	return template !== undefined && mayUse(template, viewer) ? ok(template) : refuse(403, NOT_YOUR_TEMPLATE);
}

/** The template, if the viewer owns it. */
export async function ownTemplate(
	store: Store,
	name: string,
	viewer: Viewer,
): Promise<Result<StoredTemplate, Problem>> {
	const template = await findTemplate(store, name);
	return template?.owner === viewer.subject ? ok(template) : refuse(403, NOT_YOUR_TEMPLATE);
}

/** True while the name still belongs to `template` and the viewer may use it. */
export async function isStillUsable(
	store: Store,
	{ name, stamp }: StoredTemplate,
	viewer: Viewer,
): Promise<boolean> {
	const now = await usableTemplate(store, name, viewer);
	return now.ok && now.value.stamp === stamp;
}

/** The templates that a viewer may use, sorted by name. */
export async function templatesOf(store: Store, viewer: Viewer): Promise<readonly Template[]> {
	const folders = [ownersIndex(viewer.subject), ...(viewer.org === undefined ? [] : [orgsIndex(viewer.org)])];
	const lists = await mapAtMost(AT_ONCE, folders, (folder) => store.list(folder));
	const names = [...new Set(lists.flat())].filter((name) => parseName(name).ok).sort();
	const templates = await mapAtMost(AT_ONCE, names, (name) => findTemplate(store, name));
	return templates.flatMap((template) =>
		template !== undefined && mayUse(template, viewer) ? [publicTemplate(template, viewer)] : [],
	);
}

/**
 * Creates a template. Its name must be free. Refuses a name with values below it: they would become values of
 * the new template.
 */
export async function createTemplate(
	store: Store,
	{ name, services }: Pick<Template, 'name' | 'services'>,
	viewer: Viewer,
	auditStamp: AuditStamp,
): Promise<Result<Template, Problem>> {
	const template: StoredTemplate = {
		name,
		owner: viewer.subject,
		org: viewer.org ?? '',
		shared: false,
		services,
		createdAt: auditStamp.at.toISOString(),
		stamp: newStamp(),
		deleting: false,
	};
	const conflict = refuse(409, `the template name ${name} is not available`);
	const head = await store.head(definitionOf(name));
	if (head?.live === true && (await storedTemplate(store, name)) !== undefined) return conflict;
	if ((await entriesBelow(store, `templates/${name}`)).length > 0) return conflict;
	// The indexes first: an entry without its template is ignored, a template without its entry would be lost.
	for (const folder of indexesOf(template)) await store.put(`${folder}/${name}`, MARKER, 0);
	if ((await store.put(definitionOf(name), encode(template), head?.version ?? 0)) === 'conflict') {
		await removeIndexEntries(store, template, await storedTemplate(store, name));
		return conflict;
	}
	return ok(publicTemplate(template, viewer));
}

/** Removes index entries that lead to another owner's template. */
async function removeIndexEntries(store: Store, mine: Template, holder: Template | undefined): Promise<void> {
	const theirs = holder === undefined ? [] : indexesOf(holder);
	for (const folder of indexesOf(mine))
		if (!theirs.includes(folder)) await store.remove(`${folder}/${mine.name}`);
}

/**
 * Changes a template of the viewer. Existing values of its secrets stay. Does not restore a template that is
 * deleted meanwhile, and does not change a later one of the same name.
 */
export async function changeTemplate(
	store: Store,
	template: StoredTemplate,
	change: Partial<Pick<StoredTemplate, 'services' | 'shared' | 'deleting'>>,
): Promise<Result<Template, Problem>> {
	const path = definitionOf(template.name);
	// The loop ends: each conflict means that another call has succeeded.
	for (;;) {
		// Reads the version first: if the content read is newer, the write conflicts.
		const version = (await store.head(path))?.version ?? 0;
		const current = await storedTemplate(store, template.name);
		if (current?.stamp !== template.stamp || (current.deleting && change.deleting !== true))
			return refuse(403, NOT_YOUR_TEMPLATE);
		const changed = { ...current, ...change };
		// Only the owner changes a template.
		if ((await store.put(path, encode(changed), version)) === 'written')
			return ok(publicTemplate(changed, { subject: changed.owner, org: undefined }));
	}
}

function encode({ name: _, ...rest }: StoredTemplate): { definition: string } {
	return { definition: JSON.stringify(rest) };
}

/**
 * What a viewer may see of a template. Fields of a service that Envtier does not use may hold values
 * (`environment`): only the owner, who wrote them, gets them.
 */
export function publicTemplate(template: Template, viewer: Viewer): Template {
	const { name, owner, org, shared, services, createdAt } = template;
	const visible = owner === viewer.subject ? services : services.map(withoutValues);
	return { name, owner, org, shared, services: visible, createdAt };
}

function withoutValues(service: TemplateService): TemplateService {
	const fields = ['name', 'image', 'secrets', ...COMPOSE_FIELDS];
	const entries = Object.entries(service).filter(([field]) => fields.includes(field));
	return Object.fromEntries(entries) as TemplateService;
}

/** Every location below a deployment or template: the shared one, and one for each service with secrets. */
export async function locationsOf(
	store: Store,
	kind: 'deployment' | 'template',
	name: string,
): Promise<readonly SecretLocation[]> {
	const services = (await store.list(servicesFolderOf({ kind, name })))
		.map((entry) => entry.replace(/\/$/, ''))
		.filter((service) => parseName(service).ok);
	const at = kind === 'deployment' ? { kind, deployment: name } : { kind, template: name };
	return [at, ...services.map((service) => ({ ...at, service }))];
}

/** The secrets of a template that have a value. */
export async function templateSecrets(store: Store, name: string): Promise<readonly SecretSummary[]> {
	return listSecrets(store, await locationsOf(store, 'template', name));
}

/**
 * The declared secrets without a value, in the order of the template. A service uses its own value or the one
 * that all services share.
 */
export function missingOf(
	template: Pick<Template, 'services'>,
	has: (serviceName: string, key: string) => boolean,
): readonly DeclaredSecret[] {
	return template.services.flatMap(({ name, secrets }) =>
		secrets
			.flatMap(declaredKeys)
			.filter(({ key, optional }) => !optional && !has(name, key) && !has('', key))
			.map(({ key }) => ({ serviceName: name, key })),
	);
}

/** The paths of everything below a folder of templates, except the definition, whoever wrote it. */
async function entriesBelow(store: Store, folder: string): Promise<readonly string[]> {
	const entries = await store.list(folder);
	const below = await mapAtMost(AT_ONCE, entries, (entry) =>
		entry.endsWith('/')
			? entriesBelow(store, `${folder}/${entry.slice(0, -1)}`)
			: Promise.resolve([`${folder}/${entry}`]),
	);
	return below.flat().filter((path) => !/^templates\/[^/]+\/definition$/.test(path));
}

/**
 * Removes a template of the viewer and its secrets. Audits each removal. Deployments created from the
 * template keep their secrets. If a deletion fails, the next one completes it.
 */
export async function deleteTemplate(
	store: Store,
	name: string,
	viewer: Viewer,
	step: RecordStep,
): Promise<Result<void, Problem>> {
	const template = await storedTemplate(store, name);
	if (template?.owner !== viewer.subject) return refuse(403, NOT_YOUR_TEMPLATE);
	// From now on, a call that writes a secret here undoes its own write.
	const marking = await changeTemplate(store, template, { deleting: true });
	if (!marking.ok) return marking;
	for (const path of await entriesBelow(store, `templates/${name}`)) {
		const end = path.lastIndexOf('/');
		const note = { scope: path.slice(0, end), key: path.slice(end + 1) };
		await step('templates.delete', note, () => store.remove(path));
	}
	for (const folder of indexesOf(template)) await store.remove(`${folder}/${name}`);
	return await finishDeletion(store, template);
}

/** The last step of a deletion: frees the name. */
async function finishDeletion(store: Store, template: StoredTemplate): Promise<Result<void, Problem>> {
	const path = definitionOf(template.name);
	for (;;) {
		const version = (await store.head(path))?.version ?? 0;
		const current = await storedTemplate(store, template.name);
		// Another call has completed the same deletion.
		if (current?.stamp !== template.stamp) return ok(undefined);
		if ((await store.put(path, DELETED, version)) === 'written') return ok(undefined);
	}
}
