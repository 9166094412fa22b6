import { useCallback, useEffect, useState } from 'preact/hooks';
import { call, type Failure } from '../lib/client.ts';
import type { WhoAmI } from '../state/types.ts';

/** The person in the chosen organization. */
export interface Me {
	/** Undefined while it is not known what they may do there. */
	readonly me: WhoAmI | undefined;
	readonly failure: Failure | undefined;
	readonly retry: () => void;
}

/** Asks again who somebody is when they choose another organization: they have other roles there. */
export function useMe(first: WhoAmI, org: string): Me {
	const [me, setMe] = useState(first);
	const [failure, setFailure] = useState<Failure>();
	const isKnown = org === '' || me.org === org;
	const load = useCallback(async (): Promise<void> => {
		setFailure(undefined);
		const answer = await call<WhoAmI>('GET', '/api/whoami', { org });
		if (answer.ok) setMe(answer.value);
		else setFailure(answer.failure);
	}, [org]);
	useEffect(() => {
		if (!isKnown) void load();
	}, [isKnown, load]);
	return { me: isKnown ? me : undefined, failure, retry: () => void load() };
}
