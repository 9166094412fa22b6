import type { Logger } from 'pino';
import { ORG_LABEL } from '../../contract/names.ts';
import { err, ok } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { watchList } from '../../lib/kubernetes/watch.ts';
import type { OrgLabel } from '../admission/org-label.ts';

/** What is known of the cluster's namespaces, without asking anybody. */
export interface Namespaces {
	orgLabel(namespace: string): OrgLabel;
	/** Resolves when the namespace is known, after `ms` milliseconds, or when `signal` is aborted. */
	seen(namespace: string, ms: number, signal: AbortSignal): Promise<void>;
	/** Why decisions cannot rest on it now; undefined: they can. */
	notReady(): string | undefined;
	/** Milliseconds since the API server last confirmed it; infinite until the first list. */
	age(): number;
	close(): void;
}

/** How old what is known may be. */
export interface Staleness {
	/** Milliseconds; undefined: decisions go on resting on what was known last. */
	readonly most: number | undefined;
}

/** Follows the labels of all namespaces. Of each its name and that one label are remembered. */
export function followNamespaces(
	client: KubernetesClient,
	{ most = Number.POSITIVE_INFINITY }: Staleness,
	log: Logger,
): Namespaces {
	const waiting = new Map<string, Set<() => void>>();
	const view = watchList(
		client,
		{
			path: '/api/v1/namespaces',
			metadataOnly: true,
			keep: ({ metadata }) => ({ label: metadata.labels?.[ORG_LABEL] }),
			changed: (namespace) => {
				for (const tell of waiting.get(namespace) ?? []) tell();
			},
		},
		log,
	);
	const seen = async (namespace: string, ms: number, signal: AbortSignal): Promise<void> => {
		if (view.current()?.has(namespace) || signal.aborted) return;
		// Its pods come from the API server, so that one is there, whatever became of the watch.
		view.hurry();
		const { promise, resolve } = Promise.withResolvers<void>();
		const timer = setTimeout(resolve, ms);
		signal.addEventListener('abort', () => resolve(), { once: true });
		const those = waiting.get(namespace) ?? new Set();
		waiting.set(namespace, those.add(resolve));
		await promise;
		clearTimeout(timer);
		those.delete(resolve);
		if (those.size === 0) waiting.delete(namespace);
	};
	return {
		orgLabel: (namespace) => {
			const known = view.current()?.get(namespace);
			if (known === undefined) return err('namespace-unknown');
			return view.age() > most ? err('namespace-outdated') : ok(known.label);
		},
		seen,
		notReady: () => {
			if (view.current() === undefined) return 'the namespaces are not known yet';
			return view.age() > most ? 'what is known of the namespaces is too old' : undefined;
		},
		age: view.age,
		close: view.close,
	};
}
