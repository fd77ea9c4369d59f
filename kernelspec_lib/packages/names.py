"""Which library was meant by a name that the index does not have, or has as a placeholder only."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterator

from packaging.version import Version

ALIASES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "crypto": "pycryptodome",
    "cv": "opencv-python-headless",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "pymupdf",
    "googleapiclient": "google-api-python-client",
    "imblearn": "imbalanced-learn",
    "kafka": "kafka-python",
    "magic": "python-magic",
    "mpl-toolkits": "matplotlib",
    "mysqldb": "mysqlclient",
    "opencv": "opencv-python-headless",
    "osgeo": "gdal",
    "pil": "pillow",
    "plt": "matplotlib",
    "pptx": "python-pptx",
    "psycopg2-bin": "psycopg2-binary",
    "python-opencv": "opencv-python-headless",
    "pytorch": "torch",
    "scikit-learn-extras": "scikit-learn-extra",
    "serial": "pyserial",
    "skbio": "scikit-bio",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skmisc": "scikit-misc",
    "skopt": "scikit-optimize",
    "skvideo": "scikit-video",
    "tensorflow-gpu": "tensorflow",
    "tf": "tensorflow",
    "torch-vision": "torchvision",
    "umap": "umap-learn",
    "usb": "pyusb",
    "xgb": "xgboost",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Names of imports, and of habit, that are no packages, or not the ones that were meant."""
PLACEHOLDERS = frozenset({"fitz", "pytorch", "skimage", "sklearn", "tensorflow-gpu"})
"""Those whose sources are there to say that another one was meant: they refuse to be built."""
_WILLING = {"sklearn": Version("0.0")}
"""Their releases that are built all the same: this one is empty, and needs the one meant."""
BUILT_IN = sys.stdlib_module_names
# fmt: off
SYSTEM = {
    "anaconda": "name the libraries that you import",
    "conda": "name the libraries that you import",
    "cuda": "the base image brings CUDA, or the libraries named nvidia-* do",
    "cudatoolkit": "the base image brings CUDA, or the libraries named nvidia-* do",
    "cudnn": "the base image brings CUDA, or the libraries named nvidia-* do",
    "git": "write it into system_packages",
    "gcc": "write it into system_packages",
    "java": "write default-jre-headless into system_packages",
    "openjdk": "write default-jre-headless into system_packages",
    "pkg-resources": "a pip of Debian lists it by mistake; take this line out",
    "python": "python_version says which Python the image has",
    **dict.fromkeys(
        (
            "ca-certificates", "hdf5", "imagemagick", "libffi", "libgcc-ng", "libstdcxx-ng",
            "nb-conda-kernels", "openssl", "python-abi", "sqlite", "vs2015-runtime", "xz", "zlib",
        ),
        "conda does; take this line out, and write into system_packages what you miss",
    ),
}
"""What other package managers install, and pip does not."""
_COMMON = (
    "accelerate", "aiohttp", "albumentations", "altair", "astropy", "beautifulsoup4", "black",
    "bokeh", "boto3", "cartopy", "catboost", "category-encoders", "click", "cryptography",
    "cython", "dash", "dask", "datasets", "datashader", "delta-spark", "distributed", "duckdb",
    "fastapi", "fastparquet", "filterpy", "fiona", "flask", "folium", "fsspec", "gensim",
    "geopandas", "geopy", "gitpython", "great-expectations", "gymnasium", "h5py", "holoviews",
    "httpx", "huggingface-hub", "hvplot", "hyperopt", "imageio", "imbalanced-learn", "impyla",
    "ipykernel", "ipympl", "ipython", "ipywidgets", "jinja2", "joblib", "jupyterlab", "kaleido",
    "keras", "koalas", "langchain", "lightgbm", "lime", "lxml", "matplotlib", "missingno",
    "mlflow", "mlxtend", "mpmath", "networkx", "nltk", "notebook", "numba", "numexpr", "numpy",
    "openai", "opencv-python", "opencv-python-headless", "openpyxl", "optuna", "pandas",
    "pandas-profiling", "papermill", "patsy", "pdfplumber", "pillow", "plotly", "polars",
    "prophet", "protobuf", "psutil", "psycopg2-binary", "py4j", "pyarrow", "pydantic", "pyhive",
    "pymongo", "pymupdf", "pymysql", "pyodbc", "pyproj", "pyspark", "pytest", "python-dateutil",
    "python-dotenv", "pytorch-lightning", "pytz", "pyyaml", "rasterio", "redis", "regex",
    "requests", "rich", "s3fs", "sasl", "scikit-image", "scikit-learn", "scikit-optimize",
    "scipy", "seaborn", "selenium", "sentence-transformers", "shap", "shapely", "spacy",
    "sqlalchemy", "statsmodels", "streamlit", "sympy", "tables", "tabulate", "tensorboard",
    "tensorflow", "tensorflow-datasets", "textblob", "thrift", "thrift-sasl", "tiktoken", "torch",
    "torchaudio", "torchmetrics", "torchvision", "tqdm", "transformers", "umap-learn",
    "wordcloud", "xarray", "xgboost", "xlrd", "xlsxwriter", "yfinance",
)
# fmt: on
"""What kernels are mostly made of: a mistyped name is mostly one of these."""
_NEAR, _FAMILIAR = 0.75, 0.05
_MOST = 4


def refuses(name: str, version: Version) -> bool:
    """Whether the sources of this release of *name*, normalised, refuse to be built."""
    return name in PLACEHOLDERS and version != _WILLING.get(name)


def meant(name: str, familiar: Collection[str]) -> Iterator[str]:
    """The names that *name*, normalised, may stand for, the likeliest first; a few at most.

    familiar: what the site uses: of two names as near, one of these was meant.
    """
    if name in ALIASES:
        yield ALIASES[name]
        return
    known = dict.fromkeys((*familiar, *_COMMON))
    # cassandra, beside cassandra-driver.
    yield from (one for one in familiar if one.startswith(f"{name}-"))
    near = difflib.get_close_matches(name, known, n=2 * _MOST, cutoff=_NEAR)

    def likeness(other: str) -> float:
        bonus = _FAMILIAR if other in familiar else 0.0
        return difflib.SequenceMatcher(None, name, other).ratio() + bonus

    named = (one for one in sorted(near, key=likeness, reverse=True) if one != name)
    # "scipy.stats" and "matplotlib.pyplot" are modules of a library.
    first = name.partition("-")[0]
    # speech-recognition is SpeechRecognition.
    joined = name.replace("-", "")
    others = [*([first] if first in known else []), *([joined] if joined != name else [])]
    yield from dict.fromkeys([*list(named)[:_MOST], *others])
