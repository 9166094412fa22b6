import type { OnChange } from '../../contract/refresh.ts';
import { halfJitter } from '../../lib/backoff.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import { postChange } from './post.ts';
import type { PendingChange } from './private-file.ts';
import { signalContainers } from './processes.ts';

/** Notifies the application of changes. */
export interface Notifier {
	/** Repeats the notification until it is delivered. A newer change replaces an undelivered one. */
	notify(change: PendingChange): void;
	close(): void;
}

const BACKOFF = { first: 1_000, longest: 60_000 };

/** Runs the action once. Returns why it failed; undefined on success. */
async function act(
	action: OnChange,
	change: PendingChange,
	settings: Settings,
	log: Log,
): Promise<string | undefined> {
	switch (action.kind) {
		case 'none':
		// The restarter does it.
		case 'restart':
		case 'rollout':
			return undefined;
		case 'post':
			return await postChange(action.port, action.path, change);
		case 'signal': {
			const { sent, problems } = signalContainers(
				settings.volumes.map(({ out }) => out),
				action.signal,
			);
			if (problems.length > 0) log.warn('some processes could not be signalled', { problems });
			return sent > 0 ? undefined : 'no process of the pod mounts the files';
		}
		default:
			return action satisfies never;
	}
}

/**
 * Opens a notifier for the action of the settings.
 *
 * @param delivered called after each delivery
 */
export function openNotifier(settings: Settings, log: Log, delivered: () => void): Notifier {
	let current: PendingChange | undefined;
	let timer: NodeJS.Timeout | undefined;

	const attempt = async (change: PendingChange, failures: number): Promise<void> => {
		const problem = await act(settings.onChange, change, settings, log);
		if (current !== change) return;
		const { kind } = settings.onChange;
		if (problem === undefined) {
			current = undefined;
			delivered();
			log.info('application notified', { action: kind, keys: change.keys, revision: change.revision });
			return;
		}
		const level = failures === 0 ? 'warn' : 'debug';
		log[level](`the application could not be notified, trying again: ${problem}`, { action: kind });
		const wait = halfJitter(BACKOFF, failures + 1, Math.random());
		timer = setTimeout(() => void attempt(change, failures + 1), wait);
	};

	return {
		notify: (change) => {
			if (current?.write === change.write) return;
			clearTimeout(timer);
			current = change;
			void attempt(change, 0);
		},
		close: () => {
			current = undefined;
			clearTimeout(timer);
		},
	};
}
