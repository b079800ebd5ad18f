# validate.py SCHEMA FILE...: what the runtime specification's schema has against each document, as a JSON list a line.
# Runs in the peers root, where Debian's package of the specification has the schemas; another folder of them may be named by SCHEMAS.
import json
import os
import sys

from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

FOLDER = os.environ.get("SCHEMAS") or "/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema"


def schema(name):
    with open(os.path.join(FOLDER, name)) as file:
        return json.load(file)


# the schemas refer to each other by file name
def retrieve(uri):
    return Resource.from_contents(schema(uri), default_specification=DRAFT4)


registry = Registry(retrieve=retrieve)
validator = Draft4Validator(schema(sys.argv[1]), registry=registry)
for name in sys.argv[2:]:
    with open(name) as file:
        errors = validator.iter_errors(json.load(file))
        print(json.dumps([f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]))
