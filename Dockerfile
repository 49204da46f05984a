# A Docker Space of the Hugging Face Hub: uid 1000, port 7860. Also any other place that runs containers; see docs/deploy.md.
FROM python:3.12-slim

RUN useradd --create-home --uid 1000 user
USER user
ENV HOME=/home/user \
    PATH=/home/user/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OMP_NUM_THREADS=1
WORKDIR /home/user/app

# The CPU build of PyTorch first: the package index's own build brings gigabytes of CUDA libraries.
COPY --chown=user requirements.txt requirements-cluster.txt ./
# requirements-cluster.txt for several servers; EXTRA: a package for object storage, s3fs for instance (compose.yaml).
ARG REQUIREMENTS=requirements.txt
ARG EXTRA=""
RUN pip install --no-cache-dir --user --extra-index-url https://download.pytorch.org/whl/cpu "torch==2.13.0+cpu" \
 && pip install --no-cache-dir --user -r $REQUIREMENTS $EXTRA

COPY --chown=user . .
# What would otherwise be done at the first visit: bytecode, UMAP's compiled functions, one tiny run through every import.
RUN python -m replearn_core prepare && mkdir -p /home/user/runs

EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"
CMD ["streamlit", "run", "app.py", "--server.port=7860", "--server.address=0.0.0.0"]
