/** A bridge network and a container's place in it, as the daemon and the agent speak of them. */

export interface BridgeNetwork {
  /** Interface name of the bridge, at most 15 bytes. */
  bridge: string;
  /** "172.17.0.0/16" */
  subnet: string;
  /** "172.17.0.1" */
  gateway: string;
  mtu?: number | undefined;
  /** Folder of the address reservations, one file an address. */
  ipamDir: string;
}

export interface PortRequest {
  protocol: "tcp" | "udp";
  containerPort: number;
  /** "0.0.0.0" or "" for every address of the host. */
  hostAddress: string;
  /** 0 for a free one of the ephemeral range. */
  hostPort: number;
  /** With it the first free port from `hostPort` to this one is taken. */
  hostPortEnd?: number | undefined;
}

export interface Attachment {
  /** File that holds the network namespace. */
  netns: string;
  address: string;
  /** Bits of the network. */
  prefix: number;
  gateway: string;
  mac: string;
  /** The veth end on the host. */
  hostInterface: string;
  /** With the host ports that were chosen. */
  ports: PortRequest[];
}

export interface AttachRequest {
  network: BridgeNetwork;
  /** Of the container. */
  id: string;
  netns: string;
  /** A wanted address; the next free one otherwise. */
  address?: string | undefined;
  mac?: string | undefined;
  ports: readonly PortRequest[];
}

export interface DetachRequest {
  network: BridgeNetwork;
  id: string;
  attachment: Partial<Attachment> & { netns: string };
}
