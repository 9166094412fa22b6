import type { Logger } from 'pino';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { type Watched, watchList } from '../../lib/kubernetes/watch.ts';
import type { SeenSecret } from './due.ts';
import { MANAGED_LABEL } from './names.ts';

/** What is known of the Secrets in namespaces with ManagedSecrets. No value is part of it. */
export interface SecretViews {
	/** Follows the Secrets of exactly these namespaces, as far as the limit allows. */
	follow(namespaces: ReadonlySet<string>): void;
	/** Undefined: nothing is known. */
	seen(namespace: string, name: string): SeenSecret | undefined;
	/** Tells of a Secret that this process has written. */
	wrote(namespace: string, name: string, version: string): void;
	/** Tells that a namespace can be read now. */
	hurry(namespace: string): void;
	close(): void;
}

/**
 * Namespaces whose Secrets are watched. Each watch is a connection. Beyond them a Secret that somebody has
 * changed or deleted is brought back at the next look at Vault.
 */
const MAX_WATCHES = 500;

/** One namespace. */
interface View {
	readonly watched: Watched<string>;
	/** By name. A Secret that is gone stays in it until it is written again. */
	readonly secrets: Map<string, SeenSecret>;
	listed: boolean;
}

/**
 * Opens the views.
 *
 * @param changed called with a namespace and the name of a Secret; without a name after a complete list
 */
export function openSecretViews(
	client: KubernetesClient,
	log: Logger,
	changed: (namespace: string, name?: string) => void,
): SecretViews {
	const views = new Map<string, View>();
	const open = (namespace: string): View => {
		const secrets = new Map<string, SeenSecret>();
		const view: View = {
			secrets,
			listed: false,
			watched: watchList<string>(
				client,
				{
					path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`,
					query: { labelSelector: `${MANAGED_LABEL}=true` },
					metadataOnly: true,
					keep: ({ metadata }) => metadata.resourceVersion,
					changed: (key, version) => {
						const name = key.slice(namespace.length + 1);
						if (version === undefined) secrets.set(name, { kind: 'gone' });
						else secrets.set(name, { kind: 'there', version });
						changed(namespace, name);
					},
					listed: () => {
						view.listed = true;
						changed(namespace);
					},
				},
				log,
			),
		};
		return view;
	};
	return {
		follow: (namespaces) => {
			for (const [namespace, view] of views)
				if (!namespaces.has(namespace)) {
					view.watched.close();
					views.delete(namespace);
				}
			for (const namespace of namespaces)
				if (!views.has(namespace) && views.size < MAX_WATCHES) views.set(namespace, open(namespace));
		},
		seen: (namespace, name) => {
			const view = views.get(namespace);
			return view?.secrets.get(name) ?? (view?.listed === true ? { kind: 'gone' } : undefined);
		},
		wrote: (namespace, name, version) => {
			views.get(namespace)?.secrets.set(name, { kind: 'there', version });
		},
		hurry: (namespace) => views.get(namespace)?.watched.hurry(),
		close: () => {
			for (const { watched } of views.values()) watched.close();
		},
	};
}
