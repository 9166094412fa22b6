import type { ElevationStore } from './elevation-store.ts';
import type { SendNotice } from './notice.ts';
import type { ValueLogin } from './value-reader.ts';

/** What only the Reveal program has. */
export interface RevealServices {
	readonly elevations: ElevationStore;
	/** Logs in to Vault for one value. */
	readonly logIn: (purpose: 'reveal' | 'restore') => Promise<ValueLogin>;
	/** How long an elevation lasts, in seconds. */
	readonly elevationSeconds: number;
	/** True when a second person must approve an elevation. */
	readonly needsApproval: boolean;
	/** Tells of an elevation; undefined when no address is configured. */
	readonly sendNotice: SendNotice | undefined;
}
