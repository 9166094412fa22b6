// `helm test`: has the API server show what would become of a pod that asks for secrets, without creating it.
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const [folder, namespace, host, port] = process.argv.slice(-4);
const pod = {
	apiVersion: 'v1',
	kind: 'Pod',
	metadata: { name: 'envtier-helm-test', annotations: { 'envtier.dev/deployment': 'helm-test' } },
	spec: {
		securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
		containers: [
			{
				name: 'main',
				image: 'registry.example/none:1',
				securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
			},
		],
	},
};
const answer = await new Promise((resolve, reject) => {
	const outgoing = request(
		{
			host: host || process.env['KUBERNETES_SERVICE_HOST'],
			port: port || process.env['KUBERNETES_SERVICE_PORT'],
			path: `/api/v1/namespaces/${namespace}/pods?dryRun=All`,
			method: 'POST',
			ca: readFileSync(`${folder}/ca.crt`),
			headers: {
				authorization: `Bearer ${readFileSync(`${folder}/token`, 'utf8').trim()}`,
				'content-type': 'application/json',
			},
			timeout: 20_000,
		},
		(incoming) => {
			let text = '';
			incoming.setEncoding('utf8');
			incoming.on('data', (chunk) => {
				text += chunk;
			});
			incoming.on('end', () => resolve({ status: incoming.statusCode, text }));
		},
	);
	outgoing.on('timeout', () => outgoing.destroy(new Error('the API server does not answer')));
	outgoing.on('error', reject);
	outgoing.end(JSON.stringify(pod));
});
const body = JSON.parse(answer.text);
const injected = body.spec?.initContainers?.some(({ name }) => name === 'envtier-fetch') ?? false;
const problem =
	body.message ??
	'the webhook was not asked: is the webhook configuration "envtier" there, and does it cover this namespace?';
process.stdout.write(
	injected
		? `a pod that asks for secrets is injected in the namespace ${namespace}\n`
		: `NOT injected in the namespace ${namespace} (status ${answer.status}): ${problem}\n`,
);
process.exitCode = injected ? 0 : 1;
