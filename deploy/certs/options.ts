import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { parseCertificateName } from '../../pki/names.ts';
import { CertsFailure } from './failure.ts';

/** Parses a whole number of at least `min`. */
const whole =
	(min: number) =>
	(text: string): number => {
		const value = /^[0-9]{1,6}$/.test(text) ? Number(text) : Number.NaN;
		if (value >= min) return value;
		throw new InvalidArgumentError(`It takes a whole number of at least ${min}.`);
	};

function names(text: string, before: readonly string[]): readonly string[] {
	const name = parseCertificateName(text);
	if (!name.ok) throw new InvalidArgumentError(`It takes ${name.error}.`);
	return [...before, name.value];
}

/** The command line before it is parsed. */
export function certsCommand() {
	return new Command('certs')
		.description(
			'Makes the webhook’s certificate: a CA of its own and a serving certificate, the Secret that the webhook mounts, and the ' +
				'caBundle of its webhook configuration. Run again, it rotates both without a gap: old and new CA are trusted until every replica ' +
				'shows the new certificate. The CA’s private key is never kept.',
		)
		.option('--kubeconfig <file>', 'kubeconfig to use (default: KUBECONFIG, else ~/.kube/config)')
		.option('--context <name>', 'context of the kubeconfig')
		.addOption(
			new Option(
				'--for <program>',
				'whose certificate; the secrets API and the Reveal program have no webhook configuration: their callers trust ca.crt of the Secret',
			)
				.choices(['webhook', 'api', 'reveal'] as const)
				.default('webhook' as const),
		)
		.option('--namespace <name>', 'namespace of Secret and Service', 'envtier-system')
		.option('--service <name>', 'the Service (default: envtier- and the program)')
		.option('--secret <name>', 'the Secret to write (default: that name, and -tls)')
		.option('--webhook-configuration <name>', 'the MutatingWebhookConfiguration', 'envtier')
		.option('--name <name>', 'one more DNS name or IP address of the certificate; may be repeated', names, [])
		.option('--days <days>', 'life of CA and certificate', whole(1), 365)
		.option('--settle <seconds>', 'time for every API server to see a changed caBundle', whole(0), 10)
		.option('--wait <seconds>', 'time for every replica to show the new certificate', whole(0), 180)
		.option(
			'--no-look',
			'don’t look at replicas: leave the old CA trusted, or, with --finish, end that unseen',
		)
		.option(
			'--finish',
			'make nothing; end what an earlier run left: trust the Secret’s CA, and then it alone',
		)
		.option('--secret-only', 'write the Secret although there is no webhook configuration yet')
		.option(
			'--print',
			'print manifests of a first installation for "kubectl apply --server-side"; change nothing',
		)
		.option('--json', 'print the outcome as JSON, and no progress')
		.addHelpText(
			'after',
			`
Exit codes: 0 done; 1 failed, and said where it stopped; 2 wrong usage; 3 the old CA is still trusted, to be ended with --finish.

Examples:
  node deploy/certs/main.ts --context production
  node deploy/certs/main.ts --for api --name secrets.example.com
  node deploy/certs/main.ts --print | kubectl apply --server-side -f -`,
		);
}

type ParsedOptions = ReturnType<ReturnType<typeof certsCommand>['opts']>;

/** The options with their derived names. */
export type CertsOptions = ParsedOptions & { readonly service: string; readonly secret: string };

/** Adds the derived names. Throws a `CertsFailure` for options that contradict each other. */
export function withDefaults(options: ParsedOptions): CertsOptions {
	const { for: program, finish } = options;
	if (program !== 'webhook' && finish === true)
		throw new CertsFailure('--finish is about a webhook configuration, which this program has none of');
	return {
		...options,
		service: options.service ?? `envtier-${program}`,
		secret: options.secret ?? `envtier-${program}-tls`,
	};
}
