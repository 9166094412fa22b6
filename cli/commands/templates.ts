import { Command } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import { outputOption } from '../output.ts';
import { API_HELP } from './api-help.ts';

const FILE_HELP = `
The file is YAML or JSON:

  name: web-shop
  services:
    - name: web
      image: registry.example.com/shop/web:1
      secrets:
        - key: DATABASE_URL
          description: where the orders are
        - key: SESSION_KEY

Other fields of a service, such as ports, are ignored with a warning.
`;

function list(context: Context) {
	return new Command('list')
		.summary('list your templates and those shared with you')
		.description('Lists your templates and those that are shared with your organization.')
		.addOption(outputOption())
		.addHelpText('after', `${API_HELP}\nExamples:\n  envtier templates list\n`)
		.action(async ({ output }) => {
			const { listTemplates } = await import('../remote/templates.ts');
			await listTemplates(output, context);
		});
}

function show(context: Context) {
	return new Command('show')
		.summary('show what a template declares, and which values are missing')
		.description('Shows the services of a template, their secrets, and which have no value yet.')
		.argument('<name>', 'name of the template')
		.addOption(outputOption())
		.addHelpText('after', `${API_HELP}\nExamples:\n  envtier templates show web-shop\n`)
		.action(async (name, { output }) => {
			const { showTemplate } = await import('../remote/templates.ts');
			await showTemplate(name, output, context);
		});
}

function put(name: 'create' | 'update', summary: string, description: string, context: Context) {
	return new Command(name)
		.summary(summary)
		.description(description)
		.requiredOption('-f, --file <file>', 'the template as YAML or JSON; - is standard input')
		.option('--name <name>', 'the name of the template, unless the file says it')
		.option('--force', 'declare keys although their names are variables that make programs run code')
		.addOption(outputOption())
		.addHelpText(
			'after',
			`${FILE_HELP}${API_HELP}\nExamples:\n  envtier templates ${name} --file web-shop.yaml\n`,
		)
		.action(async ({ file, name: asked, force, output }) => {
			const { putTemplate } = await import('../remote/templates.ts');
			await putTemplate(name === 'create' ? 'POST' : 'PUT', { file, name: asked, force, output }, context);
		});
}

function share(name: 'share' | 'unshare', summary: string, description: string, context: Context) {
	return new Command(name)
		.summary(summary)
		.description(description)
		.argument('<name>', 'name of the template')
		.addHelpText('after', `${API_HELP}\nExamples:\n  envtier templates ${name} web-shop\n`)
		.action(async (template) => {
			const { shareTemplate } = await import('../remote/templates.ts');
			await shareTemplate(template, name === 'share', context);
		});
}

function remove(context: Context) {
	return new Command('delete')
		.summary('delete a template with its secrets')
		.description('Deletes a template with its secrets. Deployments created from it keep theirs.')
		.argument('<name>', 'name of the template')
		.option('-y, --yes', 'do not ask')
		.addHelpText('after', `${API_HELP}\nExamples:\n  envtier templates delete web-shop --yes\n`)
		.action(async (name, { yes }) => {
			const { deleteTemplate } = await import('../remote/templates.ts');
			await deleteTemplate(name, yes === true, context);
		});
}

/** `envtier templates …` */
export function templatesCommand(context: Context) {
	return new Command('templates')
		.summary('manage templates of deployments over the secrets API')
		.description('Manages templates: the services of a deployment and their secrets.')
		.addCommand(list(context))
		.addCommand(show(context))
		.addCommand(put('create', 'create a template from a file', 'Creates a template from a file.', context))
		.addCommand(
			put(
				'update',
				'replace a template’s services',
				'Replaces the services of a template; values of its secrets stay.',
				context,
			),
		)
		.addCommand(
			share(
				'share',
				'let your organization use a template',
				'Shares a template with the organization that it was created in. Its members may create deployments from it, and so read its values in a pod.',
				context,
			),
		)
		.addCommand(
			share(
				'unshare',
				'keep a template to yourself again',
				'Ends the sharing of a template. Deployments created from it keep their values.',
				context,
			),
		)
		.addCommand(remove(context));
}
