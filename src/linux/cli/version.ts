// The program's version; the build checks that package.json says the same.
export const VERSION = "0.1.0";
