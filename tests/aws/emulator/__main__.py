"""AWS for tests: moto's server, with the calls that it lacks and the rules that it does not enforce before it.

    python3 tests/aws/emulator --ready FILE [--scale 0.001] [--address 127.0.0.1]

Serves on a free port of 127.0.0.1, or of the address that is given, writes the port into FILE, and ends when its standard input closes.
"""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import threading
import warnings

# Before moto is imported. The name of a bucket stands in the path; tests have no DNS for it.
os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
# Images and instance types that do not exist are refused, as on AWS.
os.environ |= {"MOTO_ENABLE_AMI_VALIDATION": "true", "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true"}
# botocore inside moto must never look for credentials elsewhere.
os.environ |= {"AWS_ACCESS_KEY_ID": "EMULATOR", "AWS_SECRET_ACCESS_KEY": "EMULATOR", "AWS_EC2_METADATA_DISABLED": "true"}
os.environ.pop("AWS_ENDPOINT_URL", None)
warnings.simplefilter("ignore")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready", type=pathlib.Path, required=True, help="file that gets the port")
    parser.add_argument("--scale", type=float, default=0.001, help="real seconds for a second of AWS")
    parser.add_argument("--address", default="127.0.0.1", help="where it serves")
    arguments = parser.parse_args()

    import every_rule  # noqa: F401  Registers the rules.
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from server import Emulator, end_with_stdin
    from werkzeug.serving import make_server
    from world import World

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    emulator = Emulator(World(arguments.scale))
    server = make_server(arguments.address, 0, emulator, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    # Replaced in one step: whoever waits for the file never reads half of it.
    half = arguments.ready.with_name(arguments.ready.name + ".half")
    half.write_text(f"{server.server_port}\n")
    half.replace(arguments.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
