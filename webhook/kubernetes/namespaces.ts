import type { Logger } from 'pino';
import { ORG_LABEL } from '../../contract/names.ts';
import { err, ok } from '../../contract/result.ts';
import type { KubernetesClient } from '../../lib/kubernetes/client.ts';
import { watchList } from '../../lib/kubernetes/watch.ts';
import type { OrgLabel } from '../admission/org-label.ts';

/** The cached namespaces of the cluster. */
export interface Namespaces {
	orgLabel(namespace: string): OrgLabel;
	/** Resolves when the namespace is known, after `ms` milliseconds, or when `signal` is aborted. */
	seen(namespace: string, ms: number, signal: AbortSignal): Promise<void>;
	/** Why the cache cannot be used for decisions; undefined if it can. */
	notReady(): string | undefined;
	/** Milliseconds since the API server last confirmed the cache; infinite before the first list. */
	age(): number;
	close(): void;
}

/** Maximum age of the cache. */
export interface Staleness {
	/** Milliseconds; undefined: no maximum. */
	readonly most: number | undefined;
}

/** Watches the labels of all namespaces. Keeps only their names and that one label. */
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
		// The API server sent a pod of this namespace, so it exists, even if the watch has not delivered it.
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
