/**
 * The parts of config.json for platforms other than Linux, and for virtual machines, as types: carried, not carried out.
 * Source: https://github.com/opencontainers/runtime-spec/tree/v1.3.0 (config-vm.md, config-windows.md, config-freebsd.md …)
 */

/** config-vm.md: hypervisor based runtimes. */
export interface VM {
  hypervisor?: VMHypervisor | undefined;
  kernel: VMKernel;
  image?: VMImage | undefined;
  hwConfig?: HWConfig | undefined;
}

export interface VMHypervisor {
  path: string;
  parameters?: string[] | undefined;
}

export interface VMKernel {
  path: string;
  parameters?: string[] | undefined;
  initrd?: string | undefined;
}

export interface VMImage {
  path: string;
  /** "raw", "qcow2", "vdi", "vmdk", "vhd". */
  format: string;
}

/** config-vm.md#hwconfig-object (1.3). */
export interface HWConfig {
  deviceTree?: string | undefined;
  vcpus?: number | undefined;
  /** Bytes. */
  memory?: number | undefined;
  dtdevs?: string[] | undefined;
  iomems?: { firstGFN?: number; firstMFN: number; nrMFNs: number }[] | undefined;
  irqs?: number[] | undefined;
}

/** config-windows.md. */
export interface Windows {
  layerFolders: string[];
  devices?: { id: string; idType: string }[] | undefined;
  resources?: WindowsResources | undefined;
  credentialSpec?: unknown;
  servicing?: boolean | undefined;
  ignoreFlushesDuringBoot?: boolean | undefined;
  hyperv?: { utilityVMPath?: string } | undefined;
  network?: WindowsNetwork | undefined;
}

export interface WindowsResources {
  memory?: { limit?: number } | undefined;
  cpu?:
    | { count?: number; shares?: number; maximum?: number; affinity?: { mask?: number; group?: number }[] }
    | undefined;
  storage?: { iops?: number; bps?: number; sandboxSize?: number } | undefined;
}

export interface WindowsNetwork {
  endpointList?: string[] | undefined;
  allowUnqualifiedDNSQuery?: boolean | undefined;
  DNSSearchList?: string[] | undefined;
  networkSharedContainerName?: string | undefined;
  networkNamespace?: string | undefined;
}

/** config-solaris.md. */
export interface Solaris {
  milestone?: string | undefined;
  limitpriv?: string | undefined;
  maxShmMemory?: string | undefined;
  anet?: Record<string, string>[] | undefined;
  cappedCPU?: { ncpus?: string } | undefined;
  cappedMemory?: { physical?: string; swap?: string } | undefined;
}

/** config-zos.md. */
export interface ZOS {
  namespaces?: { type: "pid" | "mount" | "ipc" | "uts"; path?: string }[] | undefined;
}

/** config-freebsd.md (1.3). */
export interface FreeBSD {
  devices?: { path: string; mode?: number }[] | undefined;
  jail?: FreeBSDJail | undefined;
}

export type FreeBSDSharing = "disable" | "new" | "inherit";

export interface FreeBSDJail {
  parent?: string | undefined;
  host?: FreeBSDSharing | undefined;
  ip4?: FreeBSDSharing | undefined;
  ip4Addr?: string[] | undefined;
  ip6?: FreeBSDSharing | undefined;
  ip6Addr?: string[] | undefined;
  vnet?: FreeBSDSharing | undefined;
  interface?: string | undefined;
  vnetInterfaces?: string[] | undefined;
  sysvmsg?: FreeBSDSharing | undefined;
  sysvsem?: FreeBSDSharing | undefined;
  sysvshm?: FreeBSDSharing | undefined;
  enforceStatfs?: number | undefined;
  allow?: FreeBSDJailAllow | undefined;
}

export interface FreeBSDJailAllow {
  setHostname?: boolean | undefined;
  rawSockets?: boolean | undefined;
  chflags?: boolean | undefined;
  mount?: string[] | undefined;
  quotas?: boolean | undefined;
  socketAf?: boolean | undefined;
  mlock?: boolean | undefined;
  reservedPorts?: boolean | undefined;
  suser?: boolean | undefined;
}
