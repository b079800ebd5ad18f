/** Who we are, in the terms of Docker's API. */
import { VERSION } from "../../common/version.ts";

/** Minor numbers of the API versions that are spoken. */
export const API_LOWEST = 24;
export const API_HIGHEST = 51;
/** The Docker release whose behaviour ours is: clients compare it. */
export const DOCKER_VERSION = "28.5.2";

export const SERVER_HEADERS: Readonly<Record<string, string>> = {
  "Api-Version": `1.${API_HIGHEST}`,
  "Docker-Experimental": "false",
  Ostype: "linux",
  Server: `Docker/${DOCKER_VERSION} (linux) wharf/${VERSION}`,
};
