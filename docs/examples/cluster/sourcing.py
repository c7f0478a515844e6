"""Make the stream that collects what the nodes beside the receivers have stored.

Usage: python sourcing.py nats://nats1,nats2,nats3 lines leaf1 leaf2 …

The receivers carry to the subject `lines` of their own nodes. What is collected has
another one, `all-lines`: otherwise it would come twice, once as it is published.
"""

import asyncio
import os
import sys

import nats
from nats.js.api import ExternalStream, StreamConfig, StreamSource, SubjectTransform


async def main(servers: str, subject: str, *domains: str) -> None:
    first, *others = servers.split(",")
    client = await nats.connect([first, *(f"nats://{other}" for other in others)])
    sources = [
        StreamSource(
            name=subject.upper(),
            external=ExternalStream(api=f"$JS.{domain}.API"),
            subject_transforms=[SubjectTransform(f"{subject}.>", f"all-{subject}.>")],
        )
        for domain in domains
    ]
    made = StreamConfig(
        name=f"ALL-{subject.upper()}",
        subjects=[f"all-{subject}.>"],
        sources=sources,
        num_replicas=int(os.environ.get("REPLICAS", "3")),
        max_age=7 * 86400,
    )
    await client.jetstream().add_stream(made)
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
