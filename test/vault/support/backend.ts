import type { VaultApi } from '../../support/openbao.ts';

/** A server under test: the embedded Vault or a real OpenBao, with the same content (see content.ts). */
export interface Backend extends VaultApi, AsyncDisposable {
	/** A JWT that an API server would have signed for this service account; `overrides` replace claims. */
	jwt(namespace: string, serviceAccount: string, overrides?: Readonly<Record<string, unknown>>): string;
	seal(): Promise<void>;
	unseal(): Promise<void>;
}
