import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Config, WhoAmI } from '../state/types.ts';
import { type Answer, call, type Sent } from './client.ts';

/** What every view may need. */
export interface App {
	readonly me: WhoAmI;
	readonly config: Config;
	/** The organization that the person has chosen. */
	readonly org: string;
	/** Shows a short message for some seconds. */
	readonly notify: (text: string) => void;
}

export const AppContext = createContext<App | undefined>(undefined);

/** The app around a view. */
export function useApp(): App {
	const app = useContext(AppContext);
	if (app === undefined) throw new Error('a view outside of the app');
	return app;
}

/** Sends calls for the chosen organization. */
export function useCall(): <T>(method: string, path: string, sent?: Sent) => Promise<Answer<T>> {
	const { org } = useApp();
	return (method, path, sent) => call(method, path, { org, ...sent });
}
