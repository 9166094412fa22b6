import { parseName } from '../../contract/names.ts';
import { NOT_YOUR_TEMPLATE, refuse } from '../problem.ts';
import { declaredKeys } from '../schemas/declared-secret.ts';
import { Nothing } from '../schemas/named.ts';
import { TemplateName, TemplateSharing } from '../schemas/templates.ts';
import { checkCodeKeys } from '../secrets/code-keys.ts';
import { type Operation, operation, operationOf, reply } from '../server/operation.ts';
import { readTemplate } from '../templates/input.ts';
import {
	changeTemplate,
	createTemplate,
	deleteTemplate,
	missingOf,
	ownTemplate,
	publicTemplate,
	type Template,
	templateSecrets,
	templatesOf,
	usableTemplate,
} from '../templates/templates.ts';

const PATH = '/api/templates';
const resource = 'templates';
const needs = 'scope-alone';
const FORBIDDEN = {
	description: 'not your template, or none; or a scope is missing',
	schema: 'Problem',
} as const;

/** Every key that a template declares. */
function keysOf({ services }: Pick<Template, 'services'>): readonly string[] {
	return services.flatMap(({ secrets }) => secrets.flatMap(declaredKeys)).map(({ key }) => key);
}

const list = operation(
	{
		method: 'get',
		path: PATH,
		id: 'templates.list',
		summary: 'List your templates and those that are shared with your organization',
		permission: { resource, verb: 'list', needs },
		responses: { 200: { description: 'the templates', schema: 'TemplateList' } },
	},
	Nothing,
	async ({ store, caller, note }) => {
		const templates = await templatesOf(store, caller);
		note({ scope: 'templates' }, ...templates.map(({ name }) => ({ scope: `templates/${name}` })));
		return reply(200, templates);
	},
);

const get = operation(
	{
		method: 'get',
		path: `${PATH}/{name}`,
		id: 'templates.get',
		summary: 'Show a template, with the declared secrets that have no value yet',
		permission: { resource, verb: 'get', needs },
		responses: { 200: { description: 'the template', schema: 'TemplateDetail' }, 403: FORBIDDEN },
	},
	Nothing,
	async ({ store, caller, name, note }) => {
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_TEMPLATE);
		note({ scope: `templates/${name}` });
		const template = await usableTemplate(store, name, caller);
		if (!template.ok) return template;
		const there = await templateSecrets(store, name);
		const has = (service: string, key: string): boolean =>
			there.some(
				(one) => one.key === key && ('service' in one.location ? one.location.service : '') === service,
			);
		return reply(200, { ...publicTemplate(template.value, caller), missing: missingOf(template.value, has) });
	},
);

const create = operationOf(
	{
		method: 'post',
		path: PATH,
		id: 'templates.create',
		summary: 'Create a template: services and the secrets that each of them wants',
		permission: { resource, verb: 'create', needs },
		body: 'NewTemplate',
		query: 'TemplateQuery',
		yaml: true,
		responses: {
			201: { description: 'created', schema: 'WrittenTemplate' },
			409: { description: 'the name is not available', schema: 'Problem' },
		},
	},
	readTemplate,
	async ({ store, caller, auditStamp, input, note }) => {
		note({ scope: `templates/${input.name}` });
		const checked = checkCodeKeys(keysOf(input), input.force);
		if (!checked.ok) return checked;
		const created = await createTemplate(store, input, caller, auditStamp);
		return created.ok ? reply(201, { ...created.value, warnings: input.warnings }) : created;
	},
);

const update = operationOf(
	{
		method: 'put',
		path: PATH,
		id: 'templates.update',
		summary: 'Replace the services of a template of yours; the values of its secrets stay',
		permission: { resource, verb: 'update', needs },
		body: 'NewTemplate',
		query: 'TemplateQuery',
		yaml: true,
		responses: {
			200: { description: 'the template as it is now', schema: 'WrittenTemplate' },
			403: FORBIDDEN,
		},
	},
	readTemplate,
	async ({ store, caller, input, note }) => {
		note({ scope: `templates/${input.name}` });
		const template = await ownTemplate(store, input.name, caller);
		if (!template.ok) return template;
		const currentKeys = keysOf(template.value);
		const newKeys = keysOf(input).filter((key) => !currentKeys.includes(key));
		const checked = checkCodeKeys(newKeys, input.force);
		if (!checked.ok) return checked;
		const changed = await changeTemplate(store, template.value, { services: input.services });
		return changed.ok ? reply(200, { ...changed.value, warnings: input.warnings }) : changed;
	},
);

const remove = operation(
	{
		method: 'delete',
		path: PATH,
		id: 'templates.delete',
		summary: 'Delete a template of yours with its secrets; deployments made from it keep theirs',
		permission: { resource, verb: 'delete', needs },
		body: 'TemplateName',
		responses: { 200: { description: 'deleted', schema: 'Deleted' }, 403: FORBIDDEN },
	},
	TemplateName,
	async ({ store, caller, input, note, step }) => {
		note({ scope: `templates/${input.name}` });
		const deleted = await deleteTemplate(store, input.name, caller, step);
		return deleted.ok ? reply(200, { status: 'deleted' }) : deleted;
	},
);

const share = operation(
	{
		method: 'put',
		path: `${PATH}/{name}`,
		id: 'templates.share',
		summary:
			'Share a template of yours with your organization, or end that: its members may then make deployments of it, and read its values in a pod',
		permission: { resource, verb: 'update', needs },
		body: 'TemplateSharing',
		responses: {
			200: { description: 'the template as it is now', schema: 'Template' },
			403: FORBIDDEN,
		},
	},
	TemplateSharing,
	async ({ store, caller, input, name, note }) => {
		if (!parseName(name).ok) return refuse(403, NOT_YOUR_TEMPLATE);
		note({ scope: `templates/${name}` });
		const template = await ownTemplate(store, name, caller);
		if (!template.ok) return template;
		if (input.shared && template.value.org === '')
			return refuse(400, 'the template belongs to no organization, so there is nobody to share it with');
		const changed = await changeTemplate(store, template.value, { shared: input.shared });
		return changed.ok ? reply(200, changed.value) : changed;
	},
);

/** `/api/templates` */
export const templateOperations: readonly Operation[] = [list, get, create, update, share, remove];
