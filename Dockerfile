# The service. torch's CPU build: optimem-nano needs no GPU.
FROM python:3.12-slim
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY optimem optimem
COPY adapters adapters
COPY renderers renderers
RUN pip install --no-cache-dir -c constraints.txt torch --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir -c constraints.txt ".[serve,proxy,mcp,crypto,telemetry]" \
    && rm -rf /src && useradd --create-home optimem
USER optimem
WORKDIR /home/optimem
ENV OPTIMEM_HOST=0.0.0.0 OPTIMEM_PORT=8377
EXPOSE 8377
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8377/ready', timeout=5)"]
ENTRYPOINT ["optimem"]
CMD ["serve"]
