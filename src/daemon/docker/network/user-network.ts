/** What is kept of a user's network. */
export interface UserNetwork {
  id: string;
  name: string;
  created: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  bridge: string;
  subnet: string;
  gateway: string;
  mtu: number | undefined;
  /** Kept for who looks; it says something to swarms alone. */
  attachable?: boolean | undefined;
}
