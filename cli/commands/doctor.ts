import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { SEAL_SCOPES, type SealScope } from '../../contract/sealed.ts';
import type { Context } from '../context.ts';

const HELP = `
It changes nothing. It creates a pod with annotations as a dry run, which goes through the API
server to the webhook and back, as a real pod does. The response shows which Vault pods use, and
with which role. With --deployment and --service-account it also tries the login and the policies.
It reads no secret and shows no token.

You need rights to list mutatingwebhookconfigurations, to get the webhook's Service, EndpointSlices
and Secret, to create pods, and to create tokens of the service account. Checks without a right
are skipped and reported.

Exit codes:
  0  no check failed
  1  a check failed, or, with --strict, a check has a warning
  2  wrong usage

Examples:
  envtier doctor
  envtier doctor --namespace shop --service-account web --deployment shop --service web
  envtier doctor --namespace shop --deployment shop --sealed deployment,namespace
  envtier doctor --deployment shop --json | jq '.checks[] | select(.status=="fail")'
  kubectl --namespace vault port-forward service/vault 8200 &
  envtier doctor --namespace shop --deployment shop --vault-via localhost:8200
`;

function hostAndPort(text: string): { host: string; port: number } {
	const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/]+)):([0-9]{1,5})$/.exec(text);
	const port = Number(match?.[3]);
	if (match === null || port < 1 || port > 65_535) throw new InvalidArgumentError('It must be HOST:PORT.');
	return { host: match[1] ?? match[2] ?? '', port };
}

function scopes(text: string): readonly SealScope[] {
	const words = text.split(',').map((word) => word.trim());
	const valid = SEAL_SCOPES.filter((scope) => words.includes(scope));
	if (valid.length < words.length)
		throw new InvalidArgumentError(`It must be of ${SEAL_SCOPES.join(', ')}; several with commas.`);
	return valid;
}

/** `envtier doctor`. */
export function doctorCommand(context: Context) {
	return new Command('doctor')
		.summary('check a cluster and its Vault: webhook configuration, certificate, login, policies')
		.description('Checks a cluster and its Vault. Prints one line for each check, with a cure if needed.')
		.option('--kubeconfig <file>', 'kubeconfig file (default: as kubectl)')
		.option('--context <name>', 'context of the kubeconfig (default: its current one)')
		.option('-n, --namespace <name>', 'namespace of the test pod', 'default')
		.option('--service-account <name>', 'service account of that pod', 'default')
		.option('--deployment <name>', 'deployment whose tiers are checked; without it no login is tried')
		.option('--service <name>', 'service within the deployment')
		.option('--org <name>', 'organization (default: as the webhook decides)')
		.option('--role <name>', 'Vault role (default: as the webhook decides)')
		.option('--tls-secret <name>', 'Secret of the webhook’s certificate', 'envtier-webhook-tls')
		.option(
			'--sealed <scopes>',
			'check whether the pod may decrypt values sealed for its deployment, namespace or cluster',
			scopes,
		)
		.option(
			'--vault-via <host:port>',
			'address to connect to Vault, such as a forwarded port; its certificate is verified as pods do',
			hostAndPort,
		)
		.option('--strict', 'fail on warnings too')
		.option('--json', 'print the checks as JSON')
		.addHelpText('after', HELP)
		.action(async (options) => {
			const { doctor } = await import('../doctor/run.ts');
			await doctor(options, context);
		});
}
