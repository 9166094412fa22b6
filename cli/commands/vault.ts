import { Command, Option } from '@commander-js/extra-typings';
import type { Context } from '../context.ts';
import type { ControllerRole } from '../vault/plan.ts';

const HELP = `
Prints commands by default: the policies of the tiers, which grant only list and read, and a role
that grants them to service accounts. Each command overwrites an object with the same name. With
--apply it writes the policies and the role itself and reports each. An existing object with other
contents is shown and not overwritten, unless --replace is set.

The auth method must be mounted and configured first: deploy/vault/setup.sh does that once for a
cluster, and mounts the transit engine for --sealed. With --own and --sealed the command reads the
auth method's accessor from Vault.

Environment, for --apply, --own and --sealed, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE   or BAO_ADDR, BAO_TOKEN, …

Examples:
  envtier vault setup shop_web -n shop --service-account web --deployment shop --service web
  envtier vault setup acme -n shop,blog --service-account '*' --org acme --own namespace --apply
  envtier vault setup shop -n shop --service-account '*' --deployment shop --sealed --apply
`;

const API_HELP = `
Prints the commands by default, or writes with --apply: the policy and the role envtier-api. An
existing object with other contents is shown and not overwritten, unless --replace is set. The API
needs KV version 2. With --beside-reveal its policy changes nothing of who has access: only the
Reveal program does from then on.

Environment, for --apply, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE   or BAO_ADDR, BAO_TOKEN, …

Examples:
  envtier vault setup-api --apply
  envtier vault setup-api --namespace tools --kv kv --apply
  envtier vault setup-api --beside-reveal --apply --replace
`;

const REVEAL_HELP = `
Prints the commands by default, or writes with --apply: the policies and the roles envtier-reveal,
envtier-reveal-value and envtier-reveal-restore, and which headers Vault's audit records. An
existing object with other contents is shown and not overwritten, unless --replace is set.
Afterwards run \`envtier vault setup-api --beside-reveal --apply --replace\`.

Environment, for --apply, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE   or BAO_ADDR, BAO_TOKEN, …

Examples:
  envtier vault setup-reveal
  envtier vault setup-reveal --namespace reveal --apply
`;

const controllerHelp = (kind: ControllerRole): string => `
Prints the commands by default, or writes with --apply: the policy and the role envtier-${kind}.
An existing object with other contents is shown and not overwritten, unless --replace is set. It
needs KV version 2. The policy ${kind === 'rotation' ? 'lets new versions be written' : 'shows versions of keys'}, and no value.

Environment, for --apply, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE   or BAO_ADDR, BAO_TOKEN, …

Examples:
  envtier vault setup-${kind} --apply
  envtier vault setup-${kind} --namespace tools --kv kv --apply
`;

const AUDIT_HELP = `
Prints the command for Vault and the lines for OpenBao by default. With --apply it enables the
device on Vault. OpenBao takes audit devices from its configuration alone: there the command prints
the lines, and fails until the device is there. Enable a second device as well: Vault stops when it
cannot write to any of them.

Environment, for --apply, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT   or BAO_ADDR, BAO_TOKEN, …

Examples:
  envtier vault setup-audit
  envtier vault setup-audit --file /var/log/vault/audit.log --apply
`;

const add = (value: string, before: readonly string[]): readonly string[] => [
	...before,
	...value.split(',').map((part) => part.trim()),
];

/** A mount path without the "/" at its end, which people often add. */
const mountPath = (value: string): string => value.replace(/\/$/, '');

/** Collects the values of an option that may be repeated. A lease may contain commas. */
const also = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** `envtier vault …` */
export function vaultCommand(context: Context) {
	return new Command('vault')
		.summary('set Vault or OpenBao up for a deployment or a program of Envtier')
		.description('Sets Vault or OpenBao up for a deployment or a program of Envtier.')
		.addCommand(setupCommand(context))
		.addCommand(setupApiCommand(context))
		.addCommand(setupRevealCommand(context))
		.addCommand(setupControllerCommand(context, 'controller', 'the controller'))
		.addCommand(setupControllerCommand(context, 'rotation', 'the controller’s rotation of passwords'))
		.addCommand(setupAuditCommand(context));
}

function setupCommand(context: Context) {
	return new Command('setup')
		.summary('print or apply the role and policies that a deployment needs')
		.description('Prints, or applies, the auth role and the policies that a deployment needs.')
		.argument('<role>', 'name of the role; by default pods log in to NAMESPACE_ACCOUNT')
		.option('-n, --namespace <names>', 'namespace of the pods; several with commas', add, [])
		.option('--service-account <names>', 'their service account; several with commas, * for all', add, [])
		.option('--org <name>', 'grant the organization’s tier')
		.option('--deployment <name>', 'grant that deployment’s tier')
		.option('--service <names>', 'grant that service’s tier; several with commas', add, [])
		.addOption(
			new Option(
				'--own <what>',
				'grant the deployment named after the pod’s namespace, or NAMESPACE.ACCOUNT',
			).choices(['namespace', 'account'] as const),
		)
		.option('--sealed', 'grant decrypting the values sealed for them')
		.option('--transit <path>', 'mount of the transit engine', mountPath, 'transit')
		.option('--refresh', 'grant the versions of the tiers in one request, for sidecars')
		.option(
			'--lease <path>',
			'grant a dynamic secret, as in envtier.dev/lease.NAME; may be repeated',
			also,
			[],
		)
		.option('--audience <text>', 'audience of the pods’ tokens', 'vault')
		.addOption(authType())
		.option('--mount <path>', 'its mount (default: its type)', mountPath)
		.option('--kv <path>', 'mount of the KV secrets engine', mountPath, 'secret')
		.addOption(
			new Option('--kv-version <number>', 'its version').choices(['1', '2'] as const).default('2' as const),
		)
		.option('--apply', 'write them to Vault')
		.option('--replace', 'overwrite existing objects with other contents')
		.addOption(form())
		.addHelpText('after', HELP)
		.action(async (role, options) => {
			const { setup } = await import('../vault/run.ts');
			await setup({ ...options, role }, context);
		});
}

/** A command that sets Vault up for one of Envtier's own programs. */
function programSetup(name: string, account: string) {
	return new Command(name)
		.option('-n, --namespace <name>', 'namespace of its pods', 'envtier-system')
		.option('--service-account <name>', 'their service account', account)
		.option('--audience <text>', 'audience of their tokens', 'vault')
		.addOption(authType())
		.option('--mount <path>', 'its mount (default: its type)', mountPath)
		.option('--kv <path>', 'mount of the KV secrets engine', mountPath, 'secret')
		.option('--apply', 'write them to Vault')
		.option('--replace', 'overwrite existing objects with other contents')
		.addOption(form());
}

function setupApiCommand(context: Context) {
	return programSetup('setup-api', 'envtier-api')
		.summary('print or apply the role and the policy of the secrets API')
		.description('Prints, or applies, the auth role and the policy that the secrets API needs.')
		.option('--beside-reveal', 'for an API beside the Reveal program, which alone changes who has access')
		.addHelpText('after', API_HELP)
		.action(async (options) => {
			const { setupApi } = await import('../vault/run.ts');
			await setupApi(options, context);
		});
}

function setupRevealCommand(context: Context) {
	return programSetup('setup-reveal', 'envtier-reveal')
		.summary('print or apply the roles and the policies of the Reveal program')
		.description('Prints, or applies, the auth roles and the policies that the Reveal program needs.')
		.addHelpText('after', REVEAL_HELP)
		.action(async (options) => {
			const { setupReveal } = await import('../vault/run.ts');
			await setupReveal(options, context);
		});
}

function setupControllerCommand(context: Context, kind: ControllerRole, title: string) {
	return programSetup(`setup-${kind}`, 'envtier-controller')
		.summary(`print or apply the role and the policy of ${title}`)
		.description(`Prints, or applies, the auth role and the policy of ${title}.`)
		.addHelpText('after', controllerHelp(kind))
		.action(async (options) => {
			const { setupController } = await import('../vault/run.ts');
			await setupController(kind, options, context);
		});
}

function setupAuditCommand(context: Context) {
	return new Command('setup-audit')
		.summary('print or enable an audit device, which records who read which secret')
		.description('Prints, or enables, an audit device, which records who read which secret.')
		.option('--file <path>', 'file on the server, or stdout', '/vault/audit/audit.log')
		.option('--apply', 'enable it')
		.addOption(form())
		.addHelpText('after', AUDIT_HELP)
		.action(async (options) => {
			const { setupAudit } = await import('../vault/audit.ts');
			await setupAudit(options, context);
		});
}

const authType = () =>
	new Option('--type <type>', 'type of the auth method')
		.choices(['kubernetes', 'jwt'] as const)
		.default('kubernetes' as const);

const form = () =>
	new Option('-o, --output <form>', 'how to print')
		.choices(['commands', 'json'] as const)
		.default('commands' as const);
