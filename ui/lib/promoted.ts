/** Keys that wait to become unsaved changes of another deployment. They have no values. */
interface Promoted {
	readonly deployment: string;
	readonly service: string;
	readonly keys: readonly string[];
}

let waiting: Promoted | undefined;

/** Hands keys over to the view of another deployment. */
export function promote(keys: Promoted): void {
	waiting = keys;
}

/** Takes the keys that wait for a deployment, once. */
export function takePromoted(deployment: string): Promoted | undefined {
	const taken = waiting?.deployment === deployment ? waiting : undefined;
	waiting = undefined;
	return taken;
}
