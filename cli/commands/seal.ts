import { Command, Option } from '@commander-js/extra-typings';
import { SEAL_SCOPES } from '../../contract/sealed.ts';
import { type Context, fail } from '../context.ts';

const HELP = `
A sealed value may be committed to git. Only Vault can decrypt it, and only for pods of the scope
that it was sealed for. Add the output to the annotations of the pod template:

  envtier.dev/sealed.API_TOKEN: "vault:v1:8SDd3WHDOjf7mq69CyCqYjBX…"

  deployment   pods of this namespace whose envtier.dev/deployment is --deployment
  namespace    pods of this namespace
  cluster      every pod that this Vault's transit mount serves

The same value sealed twice looks different each time. An old sealed value in git's history can
still be decrypted, so replace a leaked secret itself.

The value comes from standard input, without the line break at its end, or from --from-file byte for
byte. It is never an argument: it would stay in the history of your shell, and everyone on the
machine could read it in the list of processes. On a terminal the command asks for it without echo.

Vault must be prepared once: deploy/vault/setup.sh sealing, and role … --sealed. A token with the
policy envtier_sealer_TRANSIT_NAMESPACE can seal, but not decrypt.

Environment, as the vault and bao commands have it:
  VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT, VAULT_NAMESPACE   or BAO_ADDR, BAO_TOKEN, …

Examples:
  pass show shop/api-token | envtier seal API_TOKEN --namespace shop --deployment web
  envtier seal TLS_KEY --namespace shop --deployment web --from-file tls.key
  openssl rand -hex 32 | envtier seal SESSION_KEY --namespace shop --scope namespace
  envtier seal API_TOKEN --namespace shop --deployment web --output value < token.txt
`;

/** `envtier seal`. */
export function sealCommand(context: Context) {
	return new Command('seal')
		.summary('encrypt a value so that it can be kept in git')
		.description('Encrypts a value with Vault’s transit engine, for an annotation envtier.dev/sealed.KEY.')
		.argument('<key>', 'the key under which the pod gets it: letters, digits and "_"')
		.option('-n, --namespace <name>', 'Kubernetes namespace of the pods')
		.option('-d, --deployment <name>', 'value of their annotation envtier.dev/deployment')
		.addOption(
			new Option('--scope <scope>', 'which pods can decrypt it')
				.choices(SEAL_SCOPES)
				.default('deployment' as const),
		)
		.option('--from-file <file>', 'read the value from a file; - is standard input, byte for byte')
		.option('--transit <path>', 'mount of the transit engine', 'transit')
		.addOption(
			new Option('-o, --output <form>', 'the whole annotation, or its value only')
				.choices(['annotation', 'value'] as const)
				.default('annotation' as const),
		)
		.addOption(new Option('--value <text>').hideHelp())
		.addHelpText('after', HELP)
		.action(async (key, { value, ...options }) => {
			if (value !== undefined)
				return fail(
					context,
					'usage',
					'there is no --value: it would stay in the history of your shell, and everyone on this machine could read it in the list of processes',
					'give the value on standard input or with --from-file; and if that was a real secret, change it now',
				);
			const { sealValue } = await import('../seal/run.ts');
			await sealValue(key, options, context);
		});
}
