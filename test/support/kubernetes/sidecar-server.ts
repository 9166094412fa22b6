/**
 * The webhook of another project, such as a service mesh, in its own process: it may have to run inside a
 * node. Reads its configuration from standard input, writes its port to standard output.
 */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { json, text } from 'node:stream/consumers';
import type { V1Container, V1Pod } from '@kubernetes/client-node';

/** What to be. */
export interface SidecarServer {
	readonly host: string;
	readonly certPem: string;
	readonly keyPem: string;
	/**
	 * Added to each pod that lacks it: before all init containers if it has a restartPolicy, else after all
	 * containers.
	 */
	readonly sidecar: V1Container;
	/** Members that each pod's spec, and each of its containers, gets besides, as a policy engine gives them. */
	readonly policy?: Policy | undefined;
}

/** What a policy engine changes in all pods. */
export interface Policy {
	readonly spec?: object;
	readonly container?: object;
}

interface Review {
	readonly request: { readonly uid: string; readonly object: V1Pod };
}

const { host, certPem, keyPem, sidecar, policy = {} } = (await json(process.stdin)) as SidecarServer;

/** Each member that is not there yet, so that nothing is left to do at a further review. */
function additions(path: string, now: object, members: object = {}): readonly object[] {
	return Object.entries(members).flatMap(([name, value]) => {
		const there = (now as Record<string, unknown>)[name];
		if (there === undefined) return [{ op: 'add', path: `${path}/${name}`, value }];
		if (Array.isArray(there) || typeof value !== 'object' || value === null) return [];
		return additions(`${path}/${name}`, there as object, value as object);
	});
}

function policies({ spec }: V1Pod): readonly object[] {
	const lists = ['initContainers', 'containers'] as const;
	return [
		...additions('/spec', spec ?? {}, policy.spec),
		...lists.flatMap((list) =>
			(spec?.[list] ?? []).flatMap((container, i) =>
				additions(`/spec/${list}/${i}`, container, policy.container),
			),
		),
	];
}

function operations({ spec }: V1Pod): readonly object[] {
	const { containers = [], initContainers } = spec ?? {};
	if ([...containers, ...(initContainers ?? [])].some(({ name }) => name === sidecar.name)) return [];
	if (sidecar.restartPolicy === undefined) return [{ op: 'add', path: '/spec/containers/-', value: sidecar }];
	return initContainers === undefined
		? [{ op: 'add', path: '/spec/initContainers', value: [sidecar] }]
		: [{ op: 'add', path: '/spec/initContainers/0', value: sidecar }];
}

const server = createServer({ cert: certPem, key: keyPem }, async (request, response) => {
	const { uid, object } = (JSON.parse(await text(request)) as Review).request;
	const patch = Buffer.from(JSON.stringify([...policies(object), ...operations(object)])).toString('base64');
	response.setHeader('content-type', 'application/json');
	response.end(
		JSON.stringify({
			apiVersion: 'admission.k8s.io/v1',
			kind: 'AdmissionReview',
			response: { uid, allowed: true, patchType: 'JSONPatch', patch },
		}),
	);
});
server.listen(0, host, () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
