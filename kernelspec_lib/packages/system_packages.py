"""Which Debian packages usually help where a library is built from its sources."""

from __future__ import annotations

from collections.abc import Mapping

_C = ("gcc", "libc6-dev")
_HELPING: Mapping[str, tuple[str, ...]] = {
    "cartopy": ("g++", "libgeos-dev", "libproj-dev"),
    "cffi": (*_C, "libffi-dev"),
    "confluent-kafka": (*_C, "librdkafka-dev"),
    "cryptography": (*_C, "libssl-dev", "libffi-dev", "pkg-config", "cargo"),
    "gdal": ("g++", "libgdal-dev"),
    "gssapi": (*_C, "libkrb5-dev"),
    "h5py": (*_C, "libhdf5-dev", "pkg-config"),
    "impyla": ("g++",),
    "kerberos": (*_C, "libkrb5-dev"),
    "krbcontext": (*_C, "libkrb5-dev"),
    "lxml": (*_C, "libxml2-dev", "libxslt1-dev"),
    "matplotlib": ("g++", "libfreetype-dev", "pkg-config"),
    "mysqlclient": (*_C, "default-libmysqlclient-dev", "pkg-config"),
    "numpy": ("gcc", "g++"),
    "pandas": ("gcc", "g++"),
    "pillow": (*_C, "libjpeg-dev", "zlib1g-dev"),
    "psycopg2": (*_C, "libpq-dev"),
    "pyaudio": (*_C, "portaudio19-dev"),
    "pycairo": (*_C, "libcairo2-dev", "pkg-config"),
    "pycurl": (*_C, "libcurl4-openssl-dev", "libssl-dev"),
    "pygraphviz": (*_C, "libgraphviz-dev", "pkg-config"),
    "pykerberos": (*_C, "libkrb5-dev"),
    "pymssql": (*_C, "freetds-dev"),
    "pyodbc": ("g++", "unixodbc-dev"),
    "pyspark": ("default-jre-headless",),
    "python-ldap": (*_C, "libldap2-dev", "libsasl2-dev"),
    "pyzmq": ("g++", "libzmq3-dev"),
    "rtree": ("libspatialindex-dev",),
    "sasl": ("g++", "libsasl2-dev"),
    "scikit-learn": ("gcc", "g++"),
    "scipy": ("gcc", "g++", "gfortran", "libopenblas-dev", "pkg-config"),
    "snappy": ("g++", "libsnappy-dev"),
    "python-snappy": ("g++", "libsnappy-dev"),
    "tables": ("g++", "libhdf5-dev"),
    "xmlsec": (*_C, "libxmlsec1-dev", "pkg-config"),
}
"""By normalised name, for Debian bookworm and trixie. pyspark needs its Java to run."""


def helping(name: str) -> tuple[str, ...]:
    """The packages for *name*, normalised; empty: nothing is known of it."""
    return _HELPING.get(name, ())
