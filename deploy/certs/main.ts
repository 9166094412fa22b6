import process from 'node:process';
import { openTerminal, printableJson } from '../../lib/terminal.ts';
import { serviceNames } from '../../pki/names.ts';
import { CertsFailure } from './failure.ts';
import { issue } from './issue.ts';
import { type CertsOptions, certsCommand, withDefaults } from './options.ts';

const EXIT = { failed: 1, usage: 2, unfinished: 3 } as const;

// All output passes through these: they remove control characters from texts of the kubeconfig and API
// server.
const stdout = openTerminal(process.stdout);
const stderr = openTerminal(process.stderr);
const printJson = (value: unknown): void => stdout.write(`${printableJson(JSON.stringify(value))}\n`);

const command = certsCommand()
	.configureOutput({ writeOut: stdout.write, writeErr: stderr.write })
	.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : EXIT.usage));
command.parse();
const parsedOptions = command.opts();
const say = (line: string): void => {
	if (parsedOptions.json !== true) stderr.write(`${line}\n`);
};

async function print(options: CertsOptions, names: readonly string[]): Promise<void> {
	const { manifests, shippedWebhooks } = await import('./manifests.ts');
	const { service, days } = options;
	const issued = await issue({ service, names, days, now: new Date() });
	const secret = { namespace: options.namespace, name: options.secret };
	const webhookConfiguration =
		options.for !== 'webhook'
			? undefined
			: { name: options.webhookConfiguration, webhooks: await shippedWebhooks() };
	stdout.write(manifests(secret, webhookConfiguration, issued));
}

async function change(options: CertsOptions, names: readonly string[]): Promise<void> {
	// Loaded on demand: the Kubernetes client takes half a second, which --help does not need.
	const { runInCluster } = await import('./run.ts');
	const { finished, next, certificate } = await runInCluster(options, names, say);
	const { fingerprint256: fingerprint, subjectAltName, validTo } = certificate;
	const notAfter = new Date(validTo).toISOString();
	if (options.json === true) printJson({ finished, next, fingerprint, subjectAltName, notAfter });
	else
		stdout.write(
			`${finished ? 'Done' : `Not finished: ${next}`}. Certificate ${fingerprint}, valid to ${notAfter}.\n`,
		);
	if (!finished) process.exitCode = EXIT.unfinished;
}

try {
	const options = withDefaults(parsedOptions);
	const names = [...new Set([...serviceNames(options.service, options.namespace), ...options.name])];
	await (options.print === true ? print(options, names) : change(options, names));
} catch (thrown) {
	if (!(thrown instanceof CertsFailure)) throw thrown;
	if (parsedOptions.json === true) printJson({ error: thrown.message });
	stderr.write(`certs: ${thrown.message}\n`);
	process.exitCode = EXIT.failed;
}
