import { parseRole } from '../../contract/names.ts';
import { parseCaBundle } from '../../contract/pem.ts';
import { oneOf, wholeNumber } from '../../contract/values.ts';
import { flag } from '../../lib/settings/parsers.ts';
import type { SettingsReader } from '../../lib/settings/reader.ts';
import type { NoticeSettings } from '../reveal/notice.ts';
import type { FileVariable } from './config-keys.ts';
import { httpsUrl } from './https-url.ts';
import { ELEVATION } from './variables.ts';

/** Settings of the Reveal program. */
export interface RevealSettings {
	/** The Vault roles for one value and for one restore. */
	readonly roles: { readonly reveal: string; readonly restore: string };
	readonly elevationSeconds: number;
	/** True when a second person must approve an elevation. */
	readonly needsApproval: boolean;
	/** Where elevations are told; undefined: nowhere. */
	readonly notice: NoticeSettings | undefined;
}

/** Reads the API's settings. */
export type Reader = SettingsReader<FileVariable>;

/** The only audience of tokens that the Reveal program accepts. */
export const REVEAL_AUDIENCE = 'envtier-reveal';

/** The settings of the Reveal program; undefined for the secrets API. */
export function readReveal(reader: Reader): RevealSettings | undefined {
	const noticeUrl = reader.optional('ENVTIER_API_ELEVATION_NOTICE_URL', httpsUrl);
	const noticeCa = reader.optional('ENVTIER_API_ELEVATION_NOTICE_CA', parseCaBundle);
	if (reader.required('ENVTIER_API_MODE', oneOf('api', 'reveal')) === 'api') return undefined;
	return {
		roles: {
			reveal: reader.required('ENVTIER_API_REVEAL_ROLE', parseRole),
			restore: reader.required('ENVTIER_API_RESTORE_ROLE', parseRole),
		},
		elevationSeconds: reader.required(
			'ENVTIER_API_ELEVATION_SECONDS',
			wholeNumber(ELEVATION.min, ELEVATION.max),
		),
		needsApproval: reader.required('ENVTIER_API_ELEVATION_APPROVAL', flag),
		notice: noticeUrl === undefined ? undefined : { url: noticeUrl, ca: noticeCa },
	};
}

/** The audience that tokens must be for. */
export function audienceOf(reveal: RevealSettings | undefined, ofApi: string): string {
	return reveal === undefined ? ofApi : REVEAL_AUDIENCE;
}
