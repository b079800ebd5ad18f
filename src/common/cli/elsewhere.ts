// Words of docker's that are no commands here, and why.

const SWARM = "swarm is not part of Wharf";
const BUILD = "building images comes later";
const PLUGINS = "docker's plugins are not part of Wharf";

/** By the words after the program's name. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  bake: BUILD,
  build: BUILD,
  builder: BUILD,
  buildx: BUILD,
  checkpoint: "checkpoints are an experiment of docker's",
  compose: "compose files come later; the docker compose program works with this daemon: set DOCKER_HOST for it",
  config: SWARM,
  "image build": BUILD,
  manifest: "manifest lists are made and looked into with other programs, skopeo for one",
  node: SWARM,
  plugin: PLUGINS,
  secret: SWARM,
  service: SWARM,
  stack: SWARM,
  swarm: SWARM,
  trust: "docker content trust is not part of Wharf",
  "volume update": "cluster volumes belong to swarm, which Wharf does not have",
};
